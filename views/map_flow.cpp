#include "views/map_flow.h"

#include "views/draw/text.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

std::vector<FlowRow> all_rows(const MapContext& c) {
    const MapModel& m = c.model;
    const double s = c.theme.text_scale, line = 27 * s;
    const MapBand* now =
        c.current_band < 0 ? nullptr : &m.bands[static_cast<std::size_t>(c.current_band)];
    const int opened = now ? now->layer : -1;  // this layer is taken apart
    std::vector<FlowRow> rows;
    const auto band_row = [&](const MapBand& band) {
        FlowRow row;
        row.kind = FlowRow::Kind::band;
        row.band = &band;
        row.layer = band.layer;
        row.open = &band == now;
        row.current = row.open;
        const bool whole = !row.open && band.add != no_node;  // as two boxes
        const double rail = flow_rail(&band), deep = whole ? 1 : deepest_column(band);
        if (row.open && band.add != no_node) {
            row.least = rail + deep * 30 * s + (deep - 1) * 8 + 24;
            row.wanted = rail + deep * 104 * s + 24;
            row.most = rail + deep * 220 * s;
        } else {
            row.least = rail + deep * line + (deep - 1) * 8;
            row.wanted = row.least;
            row.most = rail + deep * 84 * s;
        }
        rows.push_back(row);
    };
    for (const MapBand& band : m.bands) {
        if (band.layer < 0 || band.layer == opened) {
            band_row(band);
        } else if (band.kind == MapBand::Kind::attention) {
            FlowRow row;
            row.kind = band.layer >= m.layers ? FlowRow::Kind::module : FlowRow::Kind::layer;
            row.layer = band.layer;
            row.least = row.wanted = flow_rail(nullptr) + line;
            row.most = flow_rail(nullptr) + 190 * s;
            rows.push_back(row);
        }
    }
    return rows;
}

// Keeps the current row, the ends and as many neighbours as fit; runs of hidden rows become a note.
std::vector<FlowRow> visible_rows(const MapContext& c, std::vector<FlowRow> rows, double height,
                                  double gap) {
    const double note = 16 * c.theme.text_scale;
    std::size_t anchor = 0;
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].current) anchor = i;
    const auto ends = [&](std::size_t i) {
        return rows[i].kind == FlowRow::Kind::band && rows[i].layer < 0;
    };
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (i != anchor) order.push_back(i);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        const auto rank = [&](std::size_t i) {
            // The rest of the opened layer, the ends of the model, then what is near; the first MTP
            // module stands for the others beside the nearest layers.
            if (rows[i].layer >= 0 && rows[i].layer == rows[anchor].layer) return 0L;
            if (ends(i)) return 1L;
            if (rows[i].kind == FlowRow::Kind::module && rows[i].layer == c.model.layers) return 3L;
            const auto d = static_cast<long>(i) - static_cast<long>(anchor);
            return 1 + std::abs(d);
        };
        return rank(a) < rank(b);
    });
    std::vector<char> shown(rows.size());
    shown[anchor] = 1;
    // Neighbours come only where the opened row keeps room for its pictures.
    const auto total = [&](bool roomy) {
        double sum = 0;
        if (roomy) sum = 0.3 * (rows[anchor].wanted - rows[anchor].least);
        bool hidden = false;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (shown[i])
                sum += rows[i].least + gap;
            else if (!hidden)
                sum += note + gap;
            hidden = !shown[i];
        }
        return sum - gap;
    };
    for (const std::size_t i : order) {
        shown[i] = 1;
        const bool near = rows[i].layer >= 0 && rows[i].layer == rows[anchor].layer;
        if (total(!near && !ends(i)) > height) shown[i] = 0;
    }
    // The notes themselves give way where even they do not fit.
    const bool notes = total(false) <= height;
    std::vector<FlowRow> out;
    for (std::size_t i = 0; i < rows.size();) {
        if (shown[i]) {
            out.push_back(std::move(rows[i++]));
            continue;
        }
        std::size_t end = i;
        int first = -1, last = -1;
        for (; end < rows.size() && !shown[end]; ++end)
            if (rows[end].layer >= 0 && rows[end].layer < c.model.layers) {
                if (first < 0) first = rows[end].layer;
                last = rows[end].layer;
            }
        FlowRow row;
        row.kind = FlowRow::Kind::note;
        row.least = row.wanted = row.most = note;
        row.text = first < 0 ? "⋯ MTP"
                   : first == last
                       ? "⋯ layer " + std::to_string(first)
                       : "⋯ layers " + std::to_string(first) + " to " + std::to_string(last);
        if (notes) out.push_back(row);
        i = end;
    }
    return out;
}

void share_height(std::vector<FlowRow>& rows, const Rect& area, double gap, double s) {
    double left = area.h - gap * static_cast<double>(rows.size() - 1);
    for (FlowRow& r : rows) {
        r.r.h = r.least;
        left -= r.least;
    }
    const auto give = [&](auto wants, auto limit) {
        for (int round = 0; round < 8 && left > 1; ++round) {
            double hungry = 0;
            for (const FlowRow& r : rows)
                if (wants(r) && r.r.h < limit(r)) ++hungry;
            if (hungry == 0) return;
            const double share = left / hungry;
            for (FlowRow& r : rows) {
                if (!wants(r) || r.r.h >= limit(r)) continue;
                const double more = std::min(share, limit(r) - r.r.h);
                r.r.h += more;
                left -= more;
            }
        }
    };
    const auto open = [](const FlowRow& r) { return r.open && r.band->add != no_node; };
    const auto others = [&](const FlowRow& r) { return !open(r); };
    give(open, [](const FlowRow& r) { return r.wanted; });
    // Room for a picture under the title, or none at all: nothing between looks finished.
    give(others, [&](const FlowRow& r) {
        const bool ends = r.kind == FlowRow::Kind::band && r.band->add == no_node;
        return std::min(r.most, ends ? 64 * s : 110 * s);
    });
    give(open, [](const FlowRow& r) { return r.most; });
    give(others, [](const FlowRow& r) { return r.most; });
    const double extra =
        rows.size() > 1 ? std::min(left / static_cast<double>(rows.size() - 1), 24.0) : 0;
    double y = area.y;
    for (FlowRow& r : rows) {
        r.r.x = area.x;
        r.r.w = area.w;
        r.r.y = y;
        y += r.r.h + gap + std::max(0.0, extra);
    }
}

void label_row(Flow& flow, const MapContext& c, const FlowRow& row, double width) {
    Flow::Label label;
    const double rail = row.kind == FlowRow::Kind::band ? flow_rail(row.band) : flow_rail(nullptr);
    label.r = {row.r.x, row.r.y + rail, width - 10, row.r.h - rail};
    label.current = row.current;
    const int layers = c.model.layers;
    if (row.layer >= layers)
        label.text = "MTP " + std::to_string(row.layer - layers + 1);
    else if (row.layer >= 0)
        label.text = "Layer " + std::to_string(row.layer);
    if (row.kind == FlowRow::Kind::band) {
        switch (row.band->kind) {
            case MapBand::Kind::input:
                label.text = "Input";
                break;
            case MapBand::Kind::head:
                label.text = "Output";
                break;
            case MapBand::Kind::attention:
                label.detail = "attention";
                break;
            case MapBand::Kind::ffn:
                label.detail = row.band->experts ? "experts" : "dense";
                break;
            case MapBand::Kind::mtp_input:
                label.detail = "input";
                break;
            case MapBand::Kind::mtp_head:
                label.detail = "head";
                break;
        }
    } else if (const MapBand* ffn = c.model.find(MapBand::Kind::ffn, row.layer)) {
        label.detail = ffn->experts ? "experts" : "dense";
    }
    flow.labels.push_back(label);
}

// From the end of one row to the start of the next, as a line of text is read on.
void join_rows(Flow& flow, const FlowRow& above, const FlowPorts& from, const FlowPorts& to,
               double left, double gap, bool arrow, bool lit) {
    const Vec2 a = from.out.front(), b = to.in.front();
    const double y = above.r.bottom() + gap / 2, x = left - 14;
    if (from.down) {
        flow.lines.push_back({{a, {a.x, y}, {x, y}, {x, b.y}, b}, lit, true, false, arrow});
        return;
    }
    flow.lines.push_back(
        {{a, {a.x + 10, a.y}, {a.x + 10, y}, {x, y}, {x, b.y}, b}, lit, true, false, arrow});
}

// The state that leaves a row; no_node: it is nobody's single output.
NodeId output_of(const MapContext& c, const FlowRow& row) {
    const MapBand* band =
        row.kind == FlowRow::Kind::band ? row.band : c.model.find(MapBand::Kind::ffn, row.layer);
    if (band == nullptr) return no_node;
    if (band->add != no_node) return band->add;
    if (band->kind == MapBand::Kind::head) return band->blocks.front().nodes.front();
    return band->blocks.back().nodes.back();
}

// What an MTP module borrows: a dashed line from the box that owns the weight.
void borrow(Flow& flow, const MapContext& c, double channel, double gap) {
    const auto boxes = flow.boxes;
    const auto holder = [&](const std::string& name) -> const Flow::Box* {
        const NodeId id = c.graph.find(name);
        for (const auto& b : boxes)
            if (std::find(b.nodes.begin(), b.nodes.end(), id) != b.nodes.end()) return &b;
        return nullptr;
    };
    const Flow::Box* const embedding = holder("embed");
    const Flow::Box* const head = holder("logits");
    // Above the stream of the row, where there is one.
    const auto row_top = [&](const Flow::Box& b) {
        const MapBand* band =
            c.current_band < 0 ? nullptr : &c.model.bands[static_cast<std::size_t>(c.current_band)];
        const bool opened = band != nullptr && band->layer == c.graph[b.out].layer;
        return b.r.y - (opened ? 0 : flow_rail(nullptr));
    };
    for (int k = 1; k <= c.model.modules; ++k) {
        const std::string mtp = "mtp." + std::to_string(k) + ".";
        const Flow::Box* const reads = holder(mtp + "embed");
        const Flow::Box* const says = holder(mtp + "logits");
        if (embedding && reads) {
            const double y = embedding->r.y + embedding->r.h * 0.3;
            const double over = row_top(*reads) - 2, x = reads->r.x + reads->r.w * 0.3;
            flow.lines.push_back({{{embedding->r.right(), y},
                                   {channel, y},
                                   {channel, over},
                                   {x, over},
                                   {x, reads->r.y}},
                                  c.is_current(c.graph.find(mtp + "embed")),
                                  false,
                                  true,
                                  true});
        }
        if (head && says) {
            const double x = std::clamp(head->r.centre().x, says->r.x + 12, says->r.right() - 12);
            const double turn = head->r.bottom() + gap / 2 + 5;
            const double over = says->r.y;
            flow.lines.push_back({{{head->r.centre().x, head->r.bottom()},
                                   {head->r.centre().x, turn},
                                   {x, turn},
                                   {x, over}},
                                  c.is_current(c.graph.find(mtp + "logits")),
                                  false,
                                  true,
                                  true});
        }
    }
}

}  // namespace

bool passes(const MapContext& c, NodeId from, NodeId to) {
    return c.is_current(c.backward ? from : to);
}

const Flow::Box* Flow::find(NodeId id) const {
    for (const Box& b : boxes)
        if (std::find(b.nodes.begin(), b.nodes.end(), id) != b.nodes.end()) return &b;
    return nullptr;
}

Flow layout_flow(const Canvas& canvas, const MapContext& c, const Rect& area) {
    Flow flow;
    flow.area = area;
    const double s = c.theme.text_scale;
    const double gap = std::round(std::clamp(area.h * 0.025, 12.0, 24.0));
    auto rows = visible_rows(c, all_rows(c), area.h, gap);
    share_height(rows, area, gap, s);

    double label = 0;
    const auto style = c.theme.text(c.theme.normal(), c.theme.ink, Weight::bold);
    for (const char* text : {"Layer 88", "Output"})
        label = std::max(label, canvas.text_width(text, style));
    label = std::ceil((label + 22) / 8) * 8;
    const bool lends = c.model.modules > 0;
    const double left = area.x + label, right = area.right() - 12 - (lends ? 14 : 0);

    FlowPorts before, trunk;
    const FlowRow* above = nullptr;  // the row that the stream comes from
    const FlowRow* head = nullptr;   // whose final norm is the trunk of all modules
    for (FlowRow& row : rows) {
        if (row.kind == FlowRow::Kind::note) {
            flow.labels.push_back({{left, row.r.y, right - left, row.r.h}, row.text, "", false});
            continue;
        }
        const FlowPorts ports = place_row(flow, c, row, left, right);
        label_row(flow, c, row, label);
        const bool module = row.layer >= c.model.layers && row.layer >= 0;
        if (module && !c.graph.config.mtp_chain() && head != nullptr && above->layer != row.layer) {
            above = head;
            before = trunk;
        }
        if (above != nullptr) {
            const bool into_box = row.kind == FlowRow::Kind::module ||
                                  (row.kind == FlowRow::Kind::band && row.band->add == no_node);
            const NodeId first =
                row.kind == FlowRow::Kind::band ? row.band->blocks.front().nodes.front() : no_node;
            const bool lit = c.backward ? c.is_current(output_of(c, *above)) : c.is_current(first);
            join_rows(flow, *above, before, ports, left, gap, into_box, lit);
        }
        // Module 1 goes on from the final norm, not from the prediction.
        before = ports;
        above = &row;
        if (row.kind == FlowRow::Kind::band && row.band->kind == MapBand::Kind::head)
            if (const Flow::Box* norm = flow.find(row.band->blocks.front().nodes.front())) {
                before.out = {{norm->r.centre().x, norm->r.bottom()}};
                before.down = true;
                trunk = before;
                head = &row;
            }
    }
    if (lends) borrow(flow, c, area.right() - 6, gap);
    if (c.backward)
        for (Flow::Line& line : flow.lines) std::reverse(line.path.begin(), line.path.end());
    return flow;
}

}  // namespace sf
