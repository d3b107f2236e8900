#pragma once

#include "views/draw/theme.h"

#include <string>
#include <utility>
#include <vector>

namespace sf {

// What the pages of views have in common: titles of blocks, titles of pages to press, what is not
// there yet.

// A block's title in bold and, where there is room, a remark behind it. Returns the height taken.
double draw_block_title(Canvas& canvas, const Theme& theme, const Rect& area,
                        const std::string& title, const std::string& remark = "");

// The pages as words to press, the shown one underlined; each sets the view's setting `show`.
struct PageTitles {
    std::string view;                                         // id
    std::vector<std::pair<std::string, std::string>> titles;  // value of `show`, title
    std::string shown;
};
double page_titles_width(const Canvas& canvas, const Theme& theme, const PageTitles& pages);
double page_titles_height(const Theme& theme);
void draw_page_titles(Canvas& canvas, const Theme& theme, Vec2 top_left, const PageTitles& pages);

// A page's head: the sentence that tells its one idea in at most two lines, the titles of the pages
// beside or above it, what is looked at below. Returns the height taken.
double draw_page_head(Canvas& canvas, const Theme& theme, const Rect& page,
                      const PageTitles& titles, const std::string& headline,
                      const std::string& facts);

// In the middle of an area: what to do, and what is then there.
void draw_empty_page(Canvas& canvas, const Theme& theme, const Rect& area, const std::string& head,
                     const std::string& body);

// The same below a page's head, so that the other pages can be reached.
void draw_empty_page(Canvas& canvas, const Theme& theme, const Rect& page, const PageTitles& titles,
                     const std::string& headline, const std::string& head, const std::string& body);

// In the place of a costly result: what is made, how far it is, or why it cannot be had.
void draw_pending(Canvas& canvas, const Theme& theme, const Rect& area, const std::string& what,
                  double progress, const std::string& error);

}  // namespace sf
