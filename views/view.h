#pragma once

#include "core/model/model.h"
#include "core/run/derived.h"
#include "core/run/history.h"
#include "core/run/timeline.h"
#include "core/run/trace.h"
#include "views/canvas/canvas.h"
#include "views/draw/theme.h"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sf {

class Backend;

using SettingValue = std::variant<bool, double, std::string>;
using Settings = std::map<std::string, SettingValue>;  // only those that differ from the default

// A setting that a view declares: the window makes a widget of it, the command line and lessons set
// it by name.
struct Parameter {
    enum class Type : std::uint8_t { toggle, integer, real, choice, text };
    std::string name;
    Type type = Type::real;
    double min = 0, max = 1;           // integer, real
    std::vector<std::string> choices;  // choice
    SettingValue standard;             // the default
    std::string help;                  // one sentence
    bool handle = false;               // set by dragging in the picture: no widget of its own
    bool log = false;                  // sliders and tracks go by its logarithm; min > 0
    // Its value in the plain limit of the view's mechanism (one tile; scaling factor 1).
    std::optional<SettingValue> plain = {};

    // A place 0..1 on a slider from min to max, and back; whole where the type is.
    double part_of(double value) const;
    double value_at(double part) const;
};

// Something that must hold of what is on screen, with the measured figure.
struct Invariant {
    std::string name;  // "logits on the map = logits of the forward pass"
    bool holds = true;
    std::string figure;  // "max error 0" or "sum 0.99999994"
};

// Another training run, to be compared with the one that is looked at.
struct NamedRun {
    std::string name;
    ModelPtr model;                          // with its latest weights
    std::shared_ptr<const History> history;  // null: none was kept
    bool operator==(const NamedRun&) const = default;
};

// Everything that a picture depends on; nothing else may.
struct Frame {
    const Trace* trace = nullptr;  // null: nothing has run yet, the view draws its empty state
    const Trace* base = nullptr;   // `trace` without what a person set; null: nothing was set
    const Timeline* timeline = nullptr;
    const History* history = nullptr;  // of the training run; null: none was kept
    const Derived* derived = nullptr;  // what is there of `View::needs`; null: nothing yet
    const std::vector<NamedRun>* runs = nullptr;  // kept to compare with; null: none
    ModelPtr twin;                 // of this shape with multi-head attention, trained alike
    std::shared_ptr<Backend> gpu;  // null: no device; `gpu_note` may say why, a sentence
    std::string gpu_note;
    std::int64_t train_step = -1;  // that the trace is the probe of; -1: the latest weights
    Cursor cursor;
    const Settings* settings = nullptr;
    const Theme* theme = nullptr;  // colours and text sizes, text scale applied
    Rect area;                     // where to draw, logical pixels
    // What the pointer is on, so that the cell and its inputs are lit in every view; node empty:
    // none.
    std::string hover_node;
    std::int64_t hover_index = -1;
};

// A const function of (trace, cursor, settings, phase) that draws on a Canvas. Remembers nothing.
class View {
public:
    virtual ~View() = default;
    virtual std::string id() const = 0;      // "map"
    virtual std::string title() const = 0;   // "Model map"
    virtual std::string group() const = 0;   // "Model": heading in the list of views
    virtual std::string lesson() const = 0;  // a few sentences for the side panel
    virtual std::vector<Parameter> parameters(const Frame& frame) const = 0;
    // Costly results that this picture shows: computed elsewhere, drawn as pending until then.
    virtual std::vector<Need> needs(const Frame&) const { return {}; }
    // Values of the run that the settings set by hand. `frame.trace` is the run without them; where
    // the edited run is there, pictures get it as `trace` and the other as `base`.
    virtual std::vector<Edit> edits(const Frame&) const { return {}; }
    virtual std::vector<Invariant> invariants(const Frame& frame) const = 0;
    // One paragraph from live values: caption, alt text, Ctrl+D.
    virtual std::string describe(const Frame& frame) const = 0;
    virtual void draw(Canvas& canvas, const Frame& frame) const = 0;
};

// The explicit list, in the order of the course.
const std::vector<std::unique_ptr<const View>>& views();
const View* find_view(std::string_view id);  // null when there is none
// Of those to compare with.
const NamedRun* find_run(const Frame& frame, std::string_view name);  // null when there is none

// The value of a declared setting: what is set, else the default.
bool setting_bool(const Frame& frame, const View& view, std::string_view name);
double setting_number(const Frame& frame, const View& view, std::string_view name);
std::string setting_text(const Frame& frame, const View& view, std::string_view name);

// Parses "name=value" against the declared parameters into `settings`; throws UserError that names
// the setting, its range and what was given.
void set_setting(Settings& settings, const View& view, const Frame& frame,
                 std::string_view assignment);

}  // namespace sf
