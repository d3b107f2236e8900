#include "views/paged_view.h"

#include <algorithm>

namespace sf {

std::vector<Parameter> PagedView::parameters(const Frame& frame) const {
    Parameter show{
        "show", Parameter::Type::choice, 0, 0, {}, pages_.front()->id(), "The page that is shown.",
        false};
    for (const auto& page : pages_) show.choices.push_back(page->id());
    std::vector<Parameter> all{std::move(show)};
    for (const auto& page : pages_)
        for (Parameter& p : page->parameters(frame))
            if (std::none_of(all.begin(), all.end(),
                             [&](const Parameter& known) { return known.name == p.name; }))
                all.push_back(std::move(p));
    return all;
}

const ViewPage& PagedView::shown(const Frame& frame) const {
    const std::string show = setting_text(frame, *this, "show");
    for (const auto& page : pages_)
        if (page->id() == show) return *page;
    return *pages_.front();
}

std::vector<Need> PagedView::needs(const Frame& frame) const {
    return shown(frame).needs(frame, *this);
}

std::vector<Edit> PagedView::edits(const Frame& frame) const {
    return shown(frame).edits(frame, *this);
}

std::vector<Invariant> PagedView::invariants(const Frame& frame) const {
    return shown(frame).invariants(frame, *this);
}

std::string PagedView::describe(const Frame& frame) const {
    return shown(frame).describe(frame, *this);
}

void PagedView::draw(Canvas& canvas, const Frame& frame) const {
    if (frame.area.w < 64 || frame.area.h < 48) return;
    PageTitles titles{id(), {}, setting_text(frame, *this, "show")};
    for (const auto& page : pages_) titles.titles.emplace_back(page->id(), page->title());
    const double pad = frame.area.w / frame.theme->text_scale < 700 ? 12 : 24;
    shown(frame).draw(canvas, frame, *this,
                      {frame.area.x + pad, frame.area.y + pad * 0.75, frame.area.w - 2 * pad,
                       frame.area.h - 1.5 * pad},
                      titles);
}

}  // namespace sf
