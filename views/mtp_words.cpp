#include "views/draw/number.h"
#include "views/edited.h"
#include "views/mtp_stairs.h"

#include <algorithm>

// The staircase in words.
namespace sf::mtp {

namespace {

// "“=” 99 %" of every depth that has a say at the position, with whether it came out right.
std::vector<std::string> said(const Stairs& s) {
    std::vector<std::string> all;
    for (std::int64_t k = 0; k <= s.depths; ++k) {
        const Cell c = s.cell(k, s.i);
        if (c.said()) all.push_back(s.word(c.guess) + " " + format_percent(c.p));
    }
    return all;
}

std::string tally_text(const Stairs& s) {
    std::string text;
    for (std::int64_t k = 0; k <= s.depths; ++k) {
        const Tally tally = s.tally(k);
        if (tally.judged == 0) continue;
        text += (text.empty() ? "" : ", ") + s.depth_name(k) + " " + std::to_string(tally.right) +
                " of " + std::to_string(tally.judged);
    }
    return text;
}

std::string kind_text(const Stairs& s) {
    return s.chain ? "each module reads the depth above it and one token more"
                   : "parallel heads: every module reads the main model's h alone";
}

}  // namespace

std::string headline(const Stairs& s) {
    const auto all = said(s);
    if (all.empty()) return "The timeline has not come to a prediction yet";
    std::string text = "After " + s.token(s.i) + ": " + all.front();
    if (all.size() == 1) return text;
    text += all.size() == 2 ? ", the module goes on " : ", the modules go on ";
    for (std::size_t n = 1; n < all.size(); ++n) text += (n == 1 ? "" : ", ") + all[n];
    return text;
}

std::string facts(const Stairs& s) {
    std::string text = "Module k at position i foretells token i + k + 1";
    text += " · " + kind_text(s);
    if (const std::string tally = tally_text(s); !tally.empty()) text += " · right: " + tally;
    if (const std::string then = consequence(*s.frame); !then.empty()) text += " · " + then;
    return text;
}

std::string description(const Stairs& s) {
    if (!s.missing.empty()) return s.missing;
    std::string text = "Multi-token prediction with " + std::to_string(s.depths) +
                       (s.depths == 1 ? " module" : " modules") + "; " + kind_text(s) +
                       ". At position " + std::to_string(s.i) + ", " + s.token(s.i) + ": ";
    for (std::int64_t k = 0; k <= s.depths; ++k) {
        const Cell c = s.cell(k, s.i);
        if (k > 0) text += "; ";
        text += s.depth_name(k);
        if (k > 0 && s.chain && c.state != Cell::State::missing)
            text += ", given " + s.token(s.i + k) + ",";
        if (c.state == Cell::State::missing)
            text += " would need a token that is not written yet";
        else if (c.state == Cell::State::pending)
            text += " has not run yet";
        else if (!c.said())
            text += " was not kept";
        else
            text += " says " + s.word(c.guess) + " with " + format_percent(c.p) +
                    (c.state == Cell::State::open ? ", which is not written yet"
                     : c.right()                  ? ", as written"
                                 : ", but " + s.word(c.truth) + " (" + format_percent(c.p_truth) +
                                       ") is written");
    }
    text += ".";
    if (const std::string tally = tally_text(s); !tally.empty())
        text += " Over the whole text right: " + tally + ".";
    if (const History* h = s.frame->history; h != nullptr && !h->empty()) {
        const StepRecord& last = h->back();
        text += " At training step " + std::to_string(last.step) + " the loss is " +
                format_number(static_cast<double>(last.loss), 3);
        for (std::size_t k = 0; k < last.mtp_loss.size(); ++k)
            text += ", of MTP " + std::to_string(k + 1) + " " +
                    format_number(static_cast<double>(last.mtp_loss[k]), 3);
        text += ", with λ = " + format_number(static_cast<double>(last.lambda), 3) + ".";
    }
    if (const std::string then = consequence(*s.frame); !then.empty())
        text += " With what was set by hand, " + then + ".";
    return text;
}

}  // namespace sf::mtp
