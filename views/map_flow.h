#pragma once

#include "views/map_context.h"

#include <string>
#include <vector>

namespace sf {

// The block diagram as it lies on the page: boxes, lines, additions, labels. The residual stream
// runs along the top of each row and from the end of a row to the start of the next, as text is
// read. Rows are whole layers, except the current one, which is opened into its operations.
struct Flow {
    struct Box {
        std::string title, brief;
        Meaning meaning = Meaning::residual;
        std::vector<NodeId> nodes;
        NodeId shown = no_node;  // pictured
        NodeId out = no_node;    // whose shape is given
        Rect r;
        bool current = false;
    };
    struct Line {
        std::vector<Vec2> path;
        bool lit = false;     // what the current operation reads
        bool stream = false;  // the residual stream
        bool shared = false;  // a weight used twice: dashed
        bool arrow = true;
    };
    struct Add {
        Vec2 at;
        NodeId node = no_node;
    };
    struct Label {
        Rect r;
        std::string text, detail;
        bool current = false;
    };
    std::vector<Box> boxes;
    std::vector<Line> lines;
    std::vector<Add> adds;
    std::vector<Add> forks;  // where the stream branches off; `node`: the state that is read
    std::vector<Label> labels;
    Rect area;

    const Box* find(NodeId id) const;  // the box that holds a node
};

Flow layout_flow(const Canvas& canvas, const MapContext& c, const Rect& area);
// Places one opened band, or a row of whole layers, inside `row` (map_flow_rows.cpp).
struct FlowRow {
    enum class Kind : std::uint8_t { layer, module, band, note };
    Kind kind = Kind::layer;
    const MapBand* band = nullptr;  // band
    int layer = -1;
    bool open = false;  // the band that holds the current operation
    bool current = false;
    double least = 0, wanted = 0, most = 0;
    Rect r;
    std::string text;  // note
};
// Where the stream enters and leaves a placed row.
struct FlowPorts {
    std::vector<Vec2> in, out;
    bool down = false;  // leaves a box at its foot
};
FlowPorts place_row(Flow& flow, const MapContext& c, const FlowRow& row, double left, double right);
// A box of these nodes: pictured is the current one, else its output (map_flow_boxes.cpp).
Flow::Box make_box(const MapContext& c, const std::string& title, const std::string& brief,
                   Meaning meaning, const std::vector<NodeId>& nodes, const Rect& r);
// All of a band's work as one box.
Flow::Box whole_box(const MapContext& c, const MapBand& band, const Rect& r);
// Boxes stacked in the fullest column.
int deepest_column(const MapBand& band);
double flow_rail(const MapBand* band);

// Whether the current operation has to do with the way between a node and one that reads it: going
// forward it is the reader, going back the gradient comes from there.
bool passes(const MapContext& c, NodeId from, NodeId to);

void draw_flow(Canvas& canvas, const MapContext& c, const Flow& flow);

}  // namespace sf
