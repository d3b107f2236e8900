#include "views/map_flow.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

constexpr double rail_height = 22;  // from the stream's line to the boxes below it
constexpr double channel = 8;       // between lines that pass over or under boxes
constexpr double stack_gap = 8;

double rail_y(const Rect& row) {
    return row.y + 8;
}

double middle(const Rect& r) {
    return r.y + r.h / 2;
}

bool contains(const MapBlock& block, NodeId id) {
    return std::find(block.nodes.begin(), block.nodes.end(), id) != block.nodes.end();
}

// Whether the current operation reads `from` into `to`; going back, whether its gradient comes so.
bool passes(const MapContext& c, const MapBlock& from, const MapBlock& to) {
    if (c.current == no_node || !contains(c.backward ? from : to, c.current)) return false;
    if (!c.backward) {
        const auto& in = c.graph[c.current].inputs;
        return std::any_of(in.begin(), in.end(), [&](NodeId id) { return contains(from, id); });
    }
    const auto& users = c.graph.users(c.current);
    return std::any_of(users.begin(), users.end(),
                       [&](NodeId id) { return contains(to, id) && c.reaches(id); });
}

// The first operation of a band reads the stream.
NodeId stream_of(const MapContext& c, const MapBlock& block) {
    return c.graph[block.nodes.front()].inputs.front();
}
bool reads_stream(const MapContext& c, const MapBlock& block) {
    return passes(c, stream_of(c, block), block.nodes.front());
}

void branch_up(Flow& flow, const MapContext& c, const Rect& from, double x, double y, NodeId add) {
    flow.lines.push_back({{{from.right(), middle(from)}, {x, middle(from)}, {x, y + 8}},
                          passes(c, c.graph[add].inputs.back(), add),
                          false,
                          false,
                          true});
    flow.adds.push_back({{x, y}, add});
}

// From the stream down to what reads it.
void branch_down(Flow& flow, const MapContext& c, Vec2 from, double y, const MapBlock& block) {
    // The ring in which gradients are added stays free.
    const Vec2 top{from.x, from.y + (c.backward ? 8 : 0)};
    flow.lines.push_back({{top, {from.x, y}}, reads_stream(c, block), false, false, true});
    flow.forks.push_back({from, stream_of(c, block)});
}

// The stream past a branch, lit where the current gradient comes along it.
void skip_back(Flow& flow, const MapContext& c, double from, double to, double y, NodeId add) {
    if (c.backward && c.is_current(c.graph[add].inputs.front()))
        flow.lines.push_back({{{from, y}, {to - 8, y}}, true, true, false, false});
}

// norm → work → +, twice: a whole layer in one row; or one band of it.
FlowPorts place_whole(Flow& flow, const MapContext& c, const FlowRow& row, double left,
                      double right) {
    const bool module = row.kind == FlowRow::Kind::module;
    std::vector<const MapBand*> bands;
    if (row.kind == FlowRow::Kind::band) {
        bands.push_back(row.band);
    } else {
        for (const auto kind : {MapBand::Kind::attention, MapBand::Kind::ffn})
            if (const MapBand* b = c.model.find(kind, row.layer)) bands.push_back(b);
    }
    const MapBand* const input =
        module ? c.model.find(MapBand::Kind::mtp_input, row.layer) : nullptr;
    const MapBand* const head = module ? c.model.find(MapBand::Kind::mtp_head, row.layer) : nullptr;
    const double y = rail_y(row.r), gap = 20, plus = 36;
    const double ends = (input ? 1.4 : 0) + (head ? 1.6 : 0);
    // One band alone keeps the proportions of a layer's row.
    const double shares = 2 * 2.6 + ends;
    const double pieces = 2 * 2.0 + (input ? 1 : 0) + (head ? 1 : 0);
    const double unit = std::max(8.0, (right - left - 2 * plus - gap * pieces) / shares);
    const double top = row.r.y + rail_height, h = row.r.bottom() - top;

    double x = left;
    FlowPorts ports;
    // In a narrow row the norms stand with what they feed, and a module is one box.
    const bool narrow = unit < 50 * c.theme.text_scale;
    if (narrow && module) {
        std::vector<NodeId> nodes;
        for (const MapBand& band : c.model.bands)
            if (band.layer == row.layer) {
                for (const MapBlock& b : band.blocks)
                    nodes.insert(nodes.end(), b.nodes.begin(), b.nodes.end());
                if (band.add != no_node) nodes.push_back(band.add);
            }
        flow.boxes.push_back(make_box(c, input ? "Embedding, block, head" : "Block, head", "Module",
                                      Meaning::mtp, nodes, {left, top, right - left, h}));
        Flow::Box& box = flow.boxes.back();
        if (head)
            for (const MapBlock& b : head->blocks)
                for (const NodeId id : b.nodes)
                    if (c.graph[id].part != Part::loss) box.shown = box.out = id;
        const Rect r = box.r;
        ports.in = {{r.x, middle(r)}};
        ports.out = {{r.right(), middle(r)}};
        return ports;
    }
    const double work_width =
        narrow ? std::max(8.0, (right - left - 2 * (plus + gap)) / 2) : 1.6 * unit;
    ports.in = {{left, y}};
    std::vector<Vec2> rail{{left, y}};
    if (input) {
        std::vector<NodeId> nodes;
        for (const MapBlock& b : input->blocks)
            nodes.insert(nodes.end(), b.nodes.begin(), b.nodes.end());
        flow.boxes.push_back(make_box(c, input->blocks.back().title, input->blocks.back().brief,
                                      Meaning::mtp, nodes, {x, top, 1.4 * unit, h}));
        const Rect r = flow.boxes.back().r;
        ports.in = {{r.x, middle(r)}};
        rail = {{r.right(), middle(r)}, {r.right() + 8, middle(r)}, {r.right() + 8, y}};
        x = r.right() + gap;
    }
    double entry = left;  // where a band's stream comes in
    for (const MapBand* band : bands) {
        const MapBlock& norm = band->blocks.front();
        Rect first{x, top, unit, h};
        if (!narrow) {
            flow.boxes.push_back(
                make_box(c, norm.title, norm.brief, norm.meaning, norm.nodes, first));
            x = first.right() + gap;
        }
        flow.boxes.push_back(whole_box(c, *band, {x, top, work_width, h}));
        if (narrow) {
            auto& nodes = flow.boxes.back().nodes;
            nodes.insert(nodes.begin(), norm.nodes.begin(), norm.nodes.end());
            first = flow.boxes.back().r;
        }
        branch_down(flow, c, {first.centre().x, y}, top, norm);
        const Rect work = flow.boxes.back().r;
        if (!narrow)
            flow.lines.push_back({{{first.right(), middle(first)}, {work.x, middle(work)}}});
        branch_up(flow, c, work, work.right() + plus / 2, y, band->add);
        skip_back(flow, c, entry, work.right() + plus / 2, y, band->add);
        entry = work.right() + plus / 2 + 8;
        x = work.right() + plus + gap;
    }
    ports.out = {{right, y}};
    if (head) {
        std::vector<NodeId> nodes;
        for (const MapBlock& b : head->blocks)
            nodes.insert(nodes.end(), b.nodes.begin(), b.nodes.end());
        x -= gap / 2;
        flow.boxes.push_back(make_box(c, "Head, shared", "Head", Meaning::mtp, nodes,
                                      {x, top, std::max(8.0, right - x), h}));
        const Rect r = flow.boxes.back().r;
        const double turn = r.x - 14;
        rail.push_back({turn, y});
        flow.lines.push_back({rail, false, true, false, false});
        flow.lines.push_back(
            {{{turn, y}, {turn, middle(r)}, {r.x, middle(r)}}, false, true, false, true});
        ports.out = {{turn, middle(r)}};
    } else {
        rail.push_back({right, y});
        flow.lines.push_back({rail, false, true, false, false});
    }
    return ports;
}

// The columns that can be shown, those round the current box first.
struct Columns {
    int begin = 0, end = 0;
    double left = 0, pitch = 0, gutter = 0;
    bool shows(int column) const { return column >= begin && column < end; }
    double x(int column) const { return left + pitch * (column - begin); }
    double width() const { return pitch - gutter; }
};

Columns choose_columns(const MapContext& c, const MapBand& band, bool stream, double left,
                       double right) {
    const double s = c.theme.text_scale;
    Columns columns;
    const int count = band.columns + (stream ? 1 : 0);
    const double least = 58 * s + 18;
    const int room = std::max(1, static_cast<int>((right - left) / least));
    columns.end = std::min(count, room);
    const int block = band.find(c.current);
    int focus = block >= 0 ? band.blocks[static_cast<std::size_t>(block)].column : 0;
    if (c.is_current(band.add)) focus = count - 1;
    if (room < count) {
        columns.begin = std::clamp(focus - room / 2, 0, count - room);
        columns.end = columns.begin + room;
    }
    columns.pitch = (right - left) / std::max(1, columns.end - columns.begin);
    if (!stream) columns.pitch = std::min(columns.pitch, 280 * s);
    columns.gutter = std::clamp(columns.pitch * 0.2, 16.0, 44.0);
    columns.left = left;
    return columns;
}

// Which side of the boxes a line takes that passes some of them.
struct Channels {
    std::vector<int> above, below;  // blocks from which such lines start
    static int lane(std::vector<int>& lanes, int block) {
        const auto at = std::find(lanes.begin(), lanes.end(), block);
        if (at != lanes.end()) return static_cast<int>(at - lanes.begin());
        lanes.push_back(block);
        return static_cast<int>(lanes.size()) - 1;
    }
};

// Whether a block is in the upper half of its column.
bool is_upper(const MapBand& band, int block) {
    const int column = band.blocks[static_cast<std::size_t>(block)].column;
    int before = 0, all = 0;
    for (int i = 0; i < static_cast<int>(band.blocks.size()); ++i) {
        if (band.blocks[static_cast<std::size_t>(i)].column != column) continue;
        before += i < block ? 1 : 0;
        ++all;
    }
    return 2 * before < all && all > 1 ? true : all == 1 && column > 0 && 2 * column < band.columns;
}

FlowPorts place_open(Flow& flow, const MapContext& c, const FlowRow& row, double left,
                     double right) {
    const MapBand& band = *row.band;
    const double s = c.theme.text_scale, y = rail_y(row.r);
    const bool stream = band.add != no_node;
    const Columns columns = choose_columns(c, band, stream, left, right);
    const auto block = [&](int i) -> const MapBlock& {
        return band.blocks[static_cast<std::size_t>(i)];
    };

    Channels channels;
    for (const auto& e : band.edges)
        if (block(e.to).column > block(e.from).column + 1)
            Channels::lane(is_upper(band, e.from) ? channels.above : channels.below, e.from);
    const double above = static_cast<double>(channels.above.size()) * channel;
    const double below = static_cast<double>(channels.below.size()) * channel;
    const double top = row.r.y + (stream ? rail_height : 0) + above;
    const double bottom = row.r.bottom() - below;

    std::vector<Rect> place(band.blocks.size());
    for (int column = columns.begin; column < std::min(columns.end, band.columns); ++column) {
        std::vector<int> stack;
        for (int i = 0; i < static_cast<int>(band.blocks.size()); ++i)
            if (block(i).column == column) stack.push_back(i);
        const auto n = static_cast<double>(stack.size());
        const double share = (bottom - top - stack_gap * (n - 1)) / n;
        const double h = std::min(share, 220 * s), w = std::min(columns.width(), 320 * s);
        double at = top;
        for (const int i : stack) {
            const Rect r{columns.x(column) + (columns.width() - w) / 2, at + (share - h) / 2, w, h};
            place[static_cast<std::size_t>(i)] = r;
            flow.boxes.push_back(
                make_box(c, block(i).title, block(i).brief, block(i).meaning, block(i).nodes, r));
            at += share + stack_gap;
        }
    }
    for (const auto& e : band.edges) {
        const bool from = columns.shows(block(e.from).column);
        const bool to = columns.shows(block(e.to).column);
        const Rect a = place[static_cast<std::size_t>(e.from)];
        const Rect b = place[static_cast<std::size_t>(e.to)];
        Flow::Line line;
        line.lit = passes(c, block(e.from), block(e.to));
        const double half = columns.gutter / 2;
        if (!from && !to) continue;
        const bool next = block(e.to).column == columns.begin;
        if (!from && next) {
            line.path = {{left - 14, middle(b)}, {b.x, middle(b)}};
        } else if (!to) {
            line.path = {{a.right(), middle(a)}, {a.right() + columns.gutter * 0.7, middle(a)}};
        } else if (from && block(e.to).column == block(e.from).column + 1) {
            const double x = b.x - half;
            line.path = {{a.right(), middle(a)}, {x, middle(a)}, {x, middle(b)}, {b.x, middle(b)}};
        } else {
            const bool up = is_upper(band, e.from);
            const int lane = Channels::lane(up ? channels.above : channels.below, e.from);
            const double level =
                up ? top - channel * (lane + 0.75) : bottom + channel * (lane + 0.75);
            const double x0 = a.right() + half * 0.7, x1 = b.x - half * 1.3;
            line.path = {{x1, level}, {x1, middle(b)}, {b.x, middle(b)}};
            if (from)
                line.path.insert(line.path.begin(),
                                 {{a.right(), middle(a)}, {x0, middle(a)}, {x0, level}});
            else  // it comes from a box that is not shown
                line.path.insert(line.path.begin(), {left - 14, level});
        }
        flow.lines.push_back(line);
    }

    FlowPorts ports;
    if (!stream) {
        const Rect first = place.front(), last = place.back();
        ports.in = {{columns.begin == 0 ? first.x : left, middle(first.w > 0 ? first : row.r)}};
        const Rect& end = last.w > 0 ? last : row.r;
        ports.out = {{end.right(), middle(end)}};
        return ports;
    }
    flow.lines.push_back({{{left, y}, {right, y}}, false, true, false, false});
    ports.in = {{left, y}};
    ports.out = {{right, y}};
    if (columns.shows(0))
        branch_down(flow, c, {place.front().centre().x, y}, place.front().y, block(0));
    if (columns.shows(band.columns)) {
        const double w = std::min(columns.width(), 320 * s), h = std::min(bottom - top, 220 * s);
        const Rect r{columns.x(band.columns) + (columns.width() - w) / 2,
                     top + (bottom - top - h) / 2, w, h};
        Flow::Box station = make_box(c, "Residual", "x", Meaning::residual, {band.add}, r);
        flow.boxes.push_back(station);
        flow.lines.push_back({{{r.centre().x, y}, {r.centre().x, r.y}}, false, true, false, false});
        const double x = columns.x(band.columns) - columns.gutter / 2;
        const Rect out = place.back();
        if (out.w > 0)
            branch_up(flow, c, out, x, y, band.add);
        else
            flow.adds.push_back({{x, y}, band.add});
        if (passes(c, c.graph[band.add].inputs.front(), band.add))
            flow.lines.push_back({{{left, y}, {x - 8, y}}, true, true, false, false});
        if (c.backward && c.is_current(band.add))
            flow.lines.push_back({{{x + 8, y}, {right, y}}, true, true, false, false});
    }
    return ports;
}

}  // namespace

int deepest_column(const MapBand& band) {
    int deepest = 1;
    for (int column = 0; column < band.columns; ++column)
        deepest = std::max(deepest, static_cast<int>(std::count_if(
                                        band.blocks.begin(), band.blocks.end(),
                                        [&](const MapBlock& b) { return b.column == column; })));
    return deepest;
}

double flow_rail(const MapBand* band) {
    return band != nullptr && band->add == no_node ? 0 : rail_height;
}

FlowPorts place_row(Flow& flow, const MapContext& c, const FlowRow& row, double left,
                    double right) {
    const bool open = row.kind == FlowRow::Kind::band && (row.open || row.band->add == no_node);
    return open ? place_open(flow, c, row, left, right) : place_whole(flow, c, row, left, right);
}

}  // namespace sf
