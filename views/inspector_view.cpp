#include "core/graph/op.h"
#include "core/run/gradients.h"
#include "views/draw/formula.h"
#include "views/draw/number.h"
#include "views/draw/page.h"
#include "views/draw/shapes.h"
#include "views/draw/text.h"
#include "views/inspector_run.h"
#include "views/inspector_subject.h"
#include "views/registry.h"

#include <algorithm>
#include <cmath>

namespace sf {

using namespace inspector;

namespace {

constexpr double most_index = 2147483647.0;

// What is this tensor? Any node: its numbers, where they come from and who uses them.
class InspectorView final : public View {
public:
    std::string id() const override { return "inspector"; }
    std::string title() const override { return "Inspector"; }
    std::string group() const override { return "Inspector"; }
    std::string lesson() const override {
        return "Everything that the model computes is a tensor with a name. The picture shows its "
               "numbers: each row is a token (or an output of a weight), each column a feature. "
               "Choose a cell and read how it was made: the formula, the numbers put into it, and "
               "the cells of its inputs that took part, outlined in the small pictures below. The "
               "boxes left of the tensor are what it is made from, those right of it use it. Give "
               "a second name to see where two tensors of one shape differ. A gradient tells of "
               "every number how the loss changes when that number grows.";
    }
    std::vector<Parameter> parameters(const Frame& frame) const override;
    std::vector<Need> needs(const Frame& frame) const override { return needs_of_run(frame); }
    std::vector<Invariant> invariants(const Frame& frame) const override;
    std::string describe(const Frame& frame) const override;
    void draw(Canvas& canvas, const Frame& frame) const override;
};

std::string difference_words(const Subject& s, const Tensor& second, const std::string& other) {
    const Difference d = difference(*s.tensor, second);
    return d.same_shape
               ? " Against " + other + " the largest difference is " + format_number(d.largest) +
                     " at " + coordinates_text(s.tensor->shape, d.at) + "."
               : " " + other + " has another shape, " + to_string(second.shape) + ".";
}

// ---- states without a tensor --------------------------------------------------------------

std::string missing_gradient(const Subject& s) {
    if (s.whole_numbers())
        return "Whole numbers have no gradient: a choice or a count does not change by a little.";
    if (s.trace->loss.empty()) {
        if (!s.trace->edits.empty())
            return "An edited run has no gradients: take the edits back to see those of the run.";
        if (!s.trace->weights)
            return "This trace was saved without gradients: “stepformer trace --grad” records "
                   "them.";
        return "Not recorded: the command “gradients on” (key g) runs the text again with the "
               "backward pass.";
    }
    if (reached_by_loss(*s.trace->graph, s.trace->loss)[static_cast<std::size_t>(s.id)] == 0)
        return "The loss, " + loss_text(s.trace->loss) +
               ", does not depend on it through anything that passes gradients.";
    return "Not kept: the memory budget left it out, or it was not saved.";
}

std::string missing_sentence(const Subject& s) {
    if (s.gradient) return missing_gradient(s);
    const std::int64_t bytes =
        s.trace->shape(s.id).size() *
        static_cast<std::int64_t>(s.whole_numbers() ? sizeof(std::int64_t) : sizeof(Real));
    if (s.node->op == Op::param)
        return "A saved trace holds no weights: open the model and run the same prompt to see "
               "them.";
    if (!s.trace->weights)
        return "Not in this trace: its " + format_bytes(bytes) +
               " were left out when it was saved. Open the model and run the same prompt to see "
               "it.";
    return "Not kept: the memory budget left out its " + format_bytes(bytes) +
           ". The command “complete " + s.node->name + "” (Ctrl+P) computes it from what was kept.";
}

void draw_sentence(Canvas& canvas, const Theme& t, const Rect& area, const std::string& head,
                   const std::string& text) {
    const double width = std::min(area.w, 560 * t.text_scale);
    const double x = area.x + (area.w - width) / 2;
    const auto title = t.text(t.large(), t.ink, Weight::bold, Align::centre);
    const auto body = t.text(t.normal(), t.ink_soft, Weight::regular, Align::centre);
    const double h = paragraph_height(canvas, width, head, title) + 8 +
                     paragraph_height(canvas, width, text, body);
    double y = area.y + std::max(0.0, (area.h - h) / 2);
    y += paragraph(canvas, {x, y}, width, head, title, area.bottom() - y) + 8;
    if (y < area.bottom()) paragraph(canvas, {x, y}, width, text, body, area.bottom() - y);
}

std::string unknown_sentence(const Graph& graph, const std::string& name) {
    std::string near;
    int found = 0;
    const auto dot = name.rfind('.');
    const std::string word = dot == std::string::npos ? name : name.substr(dot + 1);
    for (NodeId id = 0; id < graph.size() && found < 4; ++id)
        if (!word.empty() && graph[id].name.find(word) != std::string::npos) {
            near += (found++ > 0 ? ", " : "") + graph[id].name;
        }
    return near.empty()
               ? "Names are those of the steps, such as " + graph[graph.logits()].name + "."
               : "There are " + near + ".";
}

// ---- beside another run --------------------------------------------------------------------

void draw_beside_run(Canvas& canvas, const Theme& t, const Rect& body, const Subject& s,
                     const std::string& name, const Zoom& zoom, bool logarithmic) {
    const OtherRun other = other_run(*s.frame, name, {s.id, s.gradient});
    if (other.run != nullptr && other.result.value == nullptr && other.result.error.empty())
        return draw_pending(canvas, t, body, "the same text through " + name, other.result.progress,
                            "");
    if (!other.ready()) {
        const Missing why = missing_run(*s.frame, name, other);
        return draw_sentence(canvas, t, body, why.head, why.body);
    }
    Subject second = make_subject(other.frame, other.tensor, &s);
    second.run = name;
    if (!second.tensor || second.tensor->size() == 0)
        return draw_sentence(canvas, t, body, second.name() + " in " + name,
                             missing_sentence(second));
    draw_comparison(canvas, t, body, s, second, zoom, logarithmic);
}

std::string words_beside_run(const Subject& s, const std::string& name) {
    const OtherRun other = other_run(*s.frame, name, {s.id, s.gradient});
    if (!other.ready()) return "";
    const Tensor* const second = make_subject(other.frame, other.tensor, &s).tensor;
    return second == nullptr ? "" : difference_words(s, *second, "the same tensor in run " + name);
}

// ---- the view ------------------------------------------------------------------------------

std::vector<Parameter> InspectorView::parameters(const Frame& frame) const {
    double rows = most_index, cols = most_index, heads = most_index, tiles = most_index;
    if (frame.trace) {
        const NodeId id = tensor_of(frame).node;
        if (id != no_node) {
            const Slice s = make_slice(*frame.trace, id, choice_now(frame));
            rows = static_cast<double>(std::max<std::int64_t>(0, s.rows - 1));
            cols = static_cast<double>(std::max<std::int64_t>(0, s.cols - 1));
            heads = static_cast<double>(std::max<std::int64_t>(0, s.heads - 1));
            tiles = static_cast<double>(std::max<std::int64_t>(0, s.tiles - 1));
        }
    }
    using T = Parameter::Type;
    return {
        {"node",
         T::text,
         0,
         1,
         {},
         std::string(),
         "Name of the tensor to look at; empty follows the current step."},
        {"compare",
         T::text,
         0,
         1,
         {},
         std::string(),
         "Name of a second tensor of the same shape, or run:NAME for this one in another training "
         "run: A, B and A − B; empty for none."},
        {"gradient",
         T::toggle,
         0,
         1,
         {},
         false,
         "Show the gradient instead of the values, ∂L/∂ of each cell; grad.NAME as node or compare "
         "names one too."},
        {"row",
         T::integer,
         -1,
         rows,
         {},
         -1.0,
         "Row of the selected cell; −1 follows the chosen token."},
        {"col", T::integer, 0, cols, {}, 0.0, "Column of the selected cell."},
        {"head",
         T::integer,
         -1,
         heads,
         {},
         -1.0,
         "Head to show where there are several; −1 shows all side by side, or the first."},
        {"tile",
         T::integer,
         -1,
         tiles,
         {},
         -1.0,
         "Tile of the online softmax; −1 is the current step's, else the last."},
        {"scale",
         T::choice,
         0,
         1,
         {"auto", "shared", "symmetric"},
         std::string("auto"),
         "Colours over the part on screen, over the whole tensor, or centred on zero."},
        {"log_histogram", T::toggle, 0, 1, {}, false, "Histogram with a logarithmic count."},
        {"cell",
         T::text,
         0,
         1,
         {},
         std::string(),
         "The selected cell as NAME:INDEX, set by a click; outranks row, col, head and tile.",
         true},
        {"zoom", T::real, 1, 64, {}, 1.0, "How large the heat map's cells are.", true},
        {"pan_x", T::real, -1e6, 1e6, {}, 0.0, "Shift of the heat map, in pixels.", true},
        {"pan_y", T::real, -1e6, 1e6, {}, 0.0, "Shift of the heat map, in pixels.", true},
    };
}

void InspectorView::draw(Canvas& canvas, const Frame& frame) const {
    const Theme& t = *frame.theme;
    const Rect all = frame.area.inset(16);
    if (all.w < 48 || all.h < 32) return;
    if (!frame.trace) {
        draw_sentence(
            canvas, t, all, "Nothing has run yet",
            "Type a text and press Enter: every tensor of the run can be looked at here.");
        return;
    }
    const TensorName of = tensor_of(frame);
    const NodeId id = of.node;
    if (id == no_node) {
        const std::string name = text_of(frame, "node");
        draw_sentence(canvas, t, all, "No tensor “" + name + "”",
                      unknown_sentence(*frame.trace->graph, name));
        return;
    }
    const Subject s = make_subject(frame, of);
    const double u = t.text_scale;
    const double top = draw_title(canvas, t, all, s) + 16;
    Rect body{all.x, all.y + top, all.w, all.h - top};
    const std::string other = text_of(frame, "compare");
    const bool neighbours = other.empty() && body.h >= neighbours_height(t) + 160 * u;
    const Explanation lit = s.tensor && s.tensor->size() > 0
                                ? s.explain_cell(s.hover >= 0 ? s.hover : s.index())
                                : Explanation{};
    if (neighbours) {
        const double h = neighbours_height(t);
        draw_neighbours(canvas, t, {body.x, body.bottom() - h, body.w, h}, s, lit, frame);
        body.h -= h + 16;
        canvas.line({body.x, body.bottom()}, {body.right(), body.bottom()}, t.hairline, 1);
        body.h -= 16;
    }
    if (!s.tensor || s.tensor->size() == 0) {
        const std::string head = s.tensor     ? "An empty tensor"
                                 : s.gradient ? "No gradient here"
                                              : "Not in this trace";
        draw_sentence(canvas, t, body, head, s.tensor ? "It has no values." : missing_sentence(s));
        return;
    }
    const Zoom zoom{std::clamp(number_of(frame, "zoom", 1), 1.0, 64.0),
                    {number_of(frame, "pan_x", 0), number_of(frame, "pan_y", 0)},
                    frame.area.centre()};
    const bool logarithmic = toggle_of(frame, "log_histogram");
    if (const auto run = run_asked(frame)) {
        draw_beside_run(canvas, t, body, s, *run, zoom, logarithmic);
        return;
    }
    if (!other.empty()) {
        const TensorName b = named_tensor(*frame.trace->graph, other);
        if (b.node == no_node) {
            draw_sentence(canvas, t, body, "No tensor “" + other + "” to compare with",
                          unknown_sentence(*frame.trace->graph, other));
            return;
        }
        const Subject second = make_subject(frame, b, &s);
        if (!second.tensor || second.tensor->size() == 0) {
            draw_sentence(canvas, t, body, second.node->title, missing_sentence(second));
            return;
        }
        draw_comparison(canvas, t, body, s, second, zoom, logarithmic);
        return;
    }
    const bool side = body.w >= 520 * u;
    const double side_w = side ? std::clamp(body.w * 0.26, 232 * u, 360 * u) : 0;
    Rect main = body;
    if (side) {
        main.w -= side_w + 32;
        draw_side(canvas, t, {body.right() - side_w, body.y, side_w, body.h}, s, logarithmic);
    }
    // A step fades its tensor in; one that was pinned by name stays.
    const bool pinned = !text_of(frame, "node").empty();
    draw_tensor(canvas, t, main, s, zoom, pinned ? 1 : std::clamp(frame.cursor.within, 0.0, 1.0));
}

// ---- in words -------------------------------------------------------------------------------

// Of the tensor on the page.
std::vector<Invariant> InspectorView::invariants(const Frame& frame) const {
    const TensorName of = frame.trace ? tensor_of(frame) : TensorName{};
    return of.node == no_node ? std::vector<Invariant>{} : checks(make_subject(frame, of));
}

std::string names_of(const Graph& graph, const std::vector<NodeId>& ids) {
    std::string text;
    std::size_t n = 0;
    for (const NodeId id : ids) {
        if (n == 3 && ids.size() > 4)
            return text + " and " + std::to_string(ids.size() - 3) + " more";
        text += (n == 0 ? "" : n + 1 == ids.size() ? " and " : ", ") + graph[id].name;
        ++n;
    }
    return text;
}

std::string InspectorView::describe(const Frame& frame) const {
    if (!frame.trace) return "Nothing has run yet.";
    const Graph& graph = *frame.trace->graph;
    const TensorName of = tensor_of(frame);
    const NodeId id = of.node;
    if (id == no_node) return "There is no tensor named “" + text_of(frame, "node") + "”.";
    const Subject s = make_subject(frame, of);
    std::string text =
        (s.gradient ? "Gradient of " : "") + s.node->title + ", " + s.name() + ", shape " +
        to_string(frame.trace->shape(id)) + ": " +
        (s.gradient ? formula_plain(s.symbol()) + " of L = " + loss_text(s.trace->loss)
                    : formula_plain(s.node->formula)) +
        ". ";
    if (s.gradient && s.trace->loss.empty())
        text = "Gradient of " + s.node->title + ", " + s.name() + ": ";
    if (!s.tensor || s.tensor->size() == 0)
        return text + (s.tensor ? "It has no values." : missing_sentence(s));
    const Statistics& st = s.statistics;
    if (!s.whole_numbers())
        text += "Its " + format_count(st.count) + " values reach from " + format_number(st.min) +
                " to " + format_number(st.max) + ", mean " + format_number(st.mean) + ", norm " +
                format_number(st.norm) + ". ";
    const Explanation e = s.explain_cell(s.index());
    std::string words = cell_words(*s.trace, s.slice, s.row, s.col);
    if (words.empty()) words = "its only value";
    words[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(words[0])));
    text += words + " is " + value_text(s, s.tensor->at(s.index()));
    if (!e.numbers.empty()) text += ": " + e.numbers;
    text += ".";
    if (!s.node->inputs.empty()) text += " Made from " + names_of(graph, s.node->inputs) + ".";
    if (!graph.users(id).empty()) text += " Used by " + names_of(graph, graph.users(id)) + ".";
    const std::string other = text_of(frame, "compare");
    if (const auto run = run_asked(frame)) return text + words_beside_run(s, *run);
    if (const Tensor* second = other.empty() ? nullptr : frame.trace->find(other))
        text += difference_words(s, *second, other);
    return text;
}

}  // namespace

std::unique_ptr<const View> make_inspector_view() {
    return std::make_unique<InspectorView>();
}

}  // namespace sf
