#pragma once

#include "views/draw/page.h"
#include "views/view.h"

#include <memory>
#include <string>
#include <vector>

namespace sf {

// One of several pictures of a view, chosen by its setting `show`. Settings are read through the
// view that it is a page of. Like a view it remembers nothing.
class ViewPage {
public:
    virtual ~ViewPage() = default;
    virtual std::string id() const = 0;     // the value of `show`
    virtual std::string title() const = 0;  // as it stands among the titles of pages
    // Pages may share a setting: the declaration of the first that names it counts.
    virtual std::vector<Parameter> parameters(const Frame&) const { return {}; }
    virtual std::vector<Need> needs(const Frame&, const View&) const { return {}; }
    virtual std::vector<Edit> edits(const Frame&, const View&) const { return {}; }
    virtual std::vector<Invariant> invariants(const Frame& frame, const View& view) const = 0;
    virtual std::string describe(const Frame& frame, const View& view) const = 0;
    // `titles` are for draw_page_head.
    virtual void draw(Canvas& canvas, const Frame& frame, const View& view, const Rect& area,
                      const PageTitles& titles) const = 0;
};

// A view made of pages, the first shown by default.
class PagedView : public View {
public:
    std::vector<Parameter> parameters(const Frame& frame) const final;
    std::vector<Need> needs(const Frame& frame) const final;
    std::vector<Edit> edits(const Frame& frame) const final;
    std::vector<Invariant> invariants(const Frame& frame) const final;
    std::string describe(const Frame& frame) const final;
    void draw(Canvas& canvas, const Frame& frame) const final;

protected:
    using Pages = std::vector<std::unique_ptr<const ViewPage>>;
    explicit PagedView(Pages pages) : pages_(std::move(pages)) {}

private:
    const ViewPage& shown(const Frame& frame) const;
    Pages pages_;
};

}  // namespace sf
