#pragma once

#include "app/app_state.h"
#include "app/backend_choice.h"
#include "app/exporter.h"
#include "app/session.h"
#include "core/engine/derived_worker.h"
#include "core/error.h"
#include "core/run/run_beside.h"
#include "core/train/training_text.h"
#include "views/canvas/recording_canvas.h"

#include <array>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sf {

enum class Move : std::uint8_t {
    next,
    previous,
    next_operation,
    previous_operation,
    next_layer,
    previous_layer,
    first,
    last
};

// How long a drawn-up shape has to rest before it is built at once, in seconds.
inline constexpr double shape_rest = 0.3;

enum class Overlay : std::uint8_t { none, palette, help, checks };

// What the controller asks of whoever hosts it; each may be empty.
struct Host {
    std::function<void()> wake;  // called from any thread: something changed, draw again
    std::function<void(const std::string&)> copy;   // to the clipboard
    std::function<void(const std::string&)> print;  // a line for the terminal
    std::function<std::string()> window_png;        // the last frame as it is on screen
    // A context to compute with where EGL has none; null: there is none either.
    std::function<std::unique_ptr<GlContext>()> compute_context;
};

// A sentence over the picture that goes by itself.
struct Toast {
    std::string text;
    double until = 0;
    // Commands offered beside it: {"SVG", "save a.svg"}.
    std::vector<std::pair<std::string, std::string>> offers;
};

// A "setting:" target that is being dragged: where it was seized, and the values it had then.
struct SettingDrag {
    Hit hit;
    Vec2 at;
    std::vector<double> from;
};
bool is_setting(const Target& target);
std::vector<std::string> settings_of(const Target& target);  // their names

// Owns the state and the engine, carries out commands, holds the cursor and its moves. Knows no
// ImGui, no window and no clock: time comes in through `tick`.
class Controller {
public:
    Controller(const SessionOptions& options, Host host);
    ~Controller();
    Controller(const Controller&) = delete;
    Controller& operator=(const Controller&) = delete;

    // Takes the newest snapshot, lets the move and the playing go on. `now` in seconds, from any
    // origin, never backwards.
    void tick(double now);
    // Whether the next tick changes the picture without any input.
    bool animating() const { return phase_ < 1; }
    // When a tick is due without input (play, a toast's end); infinity: never.
    double next_wake() const;
    // Nothing is running and no move waits.
    bool idle() const;
    void wait_idle(double now);

    // Carries out a command line; an error becomes the error bar.
    void attempt(std::string_view line);
    void show_error(const std::string& sentence);

    // ---- what is there
    const AppState& state() const { return state_; }
    const Snapshot& snapshot() const { return *snapshot_; }
    const SnapshotPtr& snapshot_ptr() const { return snapshot_; }
    bool running() const;  // a text is being run; training on is something else
    std::int64_t step() const { return state_.step; }
    const Step* current_step() const;  // null before the first run
    std::int64_t token_count() const;
    std::int64_t token() const;  // the position followed, -1 before the first run
    const View& view(int pane) const;
    int panes() const { return static_cast<int>(state_.views.size()); }
    Theme theme() const;
    // Everything that the view in a pane depends on. Valid until the state changes.
    Frame frame(int pane) const;
    void set_area(int pane, const Rect& area) { areas_[static_cast<std::size_t>(pane)] = area; }
    const std::vector<Invariant>& invariants(int pane) const;
    bool all_hold() const;
    std::string description(int pane) const;
    const std::string& error() const { return error_; }
    const Toast* toast() const { return toast_.text.empty() ? nullptr : &toast_; }
    Overlay overlay() const { return overlay_; }
    bool wants_prompt_focus() const { return prompt_focus_; }
    void prompt_focus_taken() { prompt_focus_ = false; }
    bool wants_picture_focus() const { return picture_focus_; }
    void picture_focus_taken() { picture_focus_ = false; }
    bool quitting() const { return quitting_; }
    // Grows with every change that has to be drawn.
    std::uint64_t version() const { return version_; }
    void set_hover(const std::string& node, std::int64_t index);

    // ---- what the commands do
    void move(Move m);
    void go_to(std::int64_t step);
    void scrub(std::int64_t step);  // there at once
    void go_to_step(std::string_view name);
    void go_to_node(const std::string& node);  // to its first step, if it has one
    void set_playing(bool on);
    void set_token(std::int64_t position);
    void move_token(std::int64_t by);
    void show_view(std::string_view id_or_number);
    void show_beside(std::string_view id_or_number);
    void focus_other();
    void focus_pane(int pane);
    void enter();
    void inspect(const std::string& node);
    // The tensor that an inspector in this pane shows: the one set, else the current step's;
    // "grad.NAME" where it shows the gradient.
    std::string inspected(int pane) const;
    void back();
    bool can_go_back() const { return !history_.empty(); }
    void set_parameter(std::string_view assignment);
    void set_value(int pane, const std::string& name, const SettingValue& value);
    void reset_parameters();
    // Sets a value of the run, "NODE[INDEX]=VALUE"; takes back all that was set, also by handles.
    void edit(std::string_view assignment);
    void restore();
    std::size_t edited() const { return edited_ ? edited_->run->edits.size() : 0; }
    bool has_parameter(int pane, std::string_view name) const;
    // The plain limit of the view's mechanism: whether it has one, whether it is set; sets it, or
    // goes back to the defaults.
    bool has_plain(int pane) const;
    bool is_plain(int pane) const;
    void set_plain(int pane, bool on);
    double number(int pane, std::string_view name) const;
    // A press or drag on a "setting:" target of a pane's picture (views/canvas/canvas.h).
    SettingDrag begin_drag(int pane, const Hit& hit, Vec2 at);
    void drag_to(int pane, const SettingDrag& drag, Vec2 to);
    void reset_settings(int pane, const Target& target);  // to their defaults
    void zoom(double factor);
    void zoom_at(int pane, double factor, Vec2 at);
    void pan(int pane, Vec2 by);
    void set_dark(bool dark);
    void set_text_percent(int percent);
    void set_panel(bool on);
    // Whether the window is wide for its text; the panel then is open unless it was folded.
    void set_roomy(bool roomy) { roomy_ = roomy; }
    bool panel_open() const { return state_.panel == "on" || (state_.panel == "auto" && roomy_); }
    void set_reduce_motion(bool on);
    void toggle(Overlay overlay);
    void focus_prompt();
    void set_prompt_text(const std::string& text) { state_.prompt = text; }
    void run_prompt(const std::string& text);
    void use_preset(const std::string& name, std::uint64_t seed);
    void open_model(const std::string& folder);
    void open_trace(const std::string& file);
    void set_attention(std::string_view mode);
    void set_gradients(bool on);
    void set_backend(std::string_view word);  // "cpu", "gl" or "auto"; empty: the other one
    // Who computes, as the top line says it: "CPU", "CPU + llvmpipe".
    std::string backend_text() const;
    void write_on(std::int64_t tokens);
    void complete(const std::string& node);
    void save_view(const std::string& file);
    void save_window(const std::string& file);
    void set_save_format(const std::string& format);
    void copy_command();
    void copy_description();
    void copy_text(const std::string& text, const std::string& what);
    void dismiss_error();
    void quit();

    // ---- training (controller_training.cpp)
    const TrainingStatus* training() const { return snapshot_->training.get(); }
    std::shared_ptr<const History> training_history() const { return snapshot_->history(); }
    // The step whose probe is shown; -1: live.
    std::int64_t probe_step() const { return shown_probe_; }
    // A clock of the training has something to show.
    bool has_clock() const;
    // -1: live; else there at once, at the kept step that is nearest.
    void look_at_training(std::int64_t step);
    void look_at_training(std::string_view step_or_live);  // at the latest kept step up to it
    void move_in_training(int by);                         // to the kept step before or after
    void start_training(const std::string& file);
    void toggle_training(std::string_view on_or_off);
    void step_training(std::int64_t count);
    void restart_training(std::string_view seed);
    void shape_training(std::string_view assignments);  // "hidden_size=64 n_routed_experts=8"
    void stop_training();
    void save_training(const std::string& folder);
    void follow_training(bool on);
    void set_training(std::string_view assignment);
    void kick_expert(std::string_view layer_expert_by);
    // As `--set` takes it: of the run, else what the next one begins with.
    std::string training_setting(const std::string& name) const;
    bool training_panel_open() const;
    void set_training_panel(bool on);

    // ---- runs to compare with (controller_runs.cpp)
    const std::vector<NamedRun>& runs() const { return runs_; }
    void keep_run(const std::string& name);  // the present one
    void load_run(const std::string& folder, const std::string& name);
    void drop_run(const std::string& name);
    void save_run(const std::string& name, const std::string& folder);
    // Two panes of the same view: the own run left, this one right; empty: back to one.
    void compare(const std::string& name);
    void toggle_compare();
    // The current tensor in the inspector: here, in that run (else the first), and A − B.
    void show_difference();
    bool comparing() const { return !state_.compare.empty(); }
    bool shows_other(int pane) const { return comparing() && pane == 1; }
    std::string run_name(int pane) const;
    // What the pictures of a pane are of; null: nothing, or it is not there yet (see `waits`).
    TracePtr trace(int pane) const;
    // Of a pane whose run is not there: how far it is, or why it cannot be had.
    struct Waiting {
        double progress = 0;
        std::string error;
    };
    std::optional<Waiting> waits(int pane) const;

    FigureRequest figure_request(int pane) const;
    void keep_state();  // into the state file, when something changed

private:
    const View& require_view(std::string_view id_or_number) const;
    void post(Command command);
    void post_training(Command command);
    void take_snapshot();
    void open_backend(BackendWish wish, bool tell);
    void wait_for_backend();
    void take_backend();
    BackendPtr device() const;
    bool backend_pending() const;  // it is opened or compiles
    void take_derived();
    void tell_needs();
    Frame still_frame(int pane) const;
    Frame own_frame(int pane) const;
    Frame other_frame() const;
    void begin_runs(const std::vector<NamedRun>& given);
    void take_runs();
    void take_saved(const RunFolder& asked, const Derived::Entry& entry);
    void take_beside();
    void add_run(NamedRun run);
    void ask_for_run(const RunFolder& run);
    bool is_known(const std::string& name) const;             // or on the way
    const NamedRun* find_run(const std::string& name) const;  // null when there is none
    UserError unknown_run(const std::string& command, const std::string& name) const;
    const NamedRun& first_run(const std::string& command) const;
    const NamedRun* other_run() const;
    void add_other_run(FigureRequest& request) const;
    void put_view(int pane, const std::string& id);
    SnapshotPtr with_probe(const SnapshotPtr& engines);
    SnapshotPtr with_edits(const SnapshotPtr& plain);
    Frame plain_frame() const;
    std::vector<Edit> edits() const;
    void free_place(const std::string& view);
    void remember_place(int pane, const std::vector<std::string>& names);
    bool name_weights(FigureRequest& request) const;
    std::string drawn_up_shape() const;
    void build_drawn_up_shape();
    void start_move();
    void remember();
    void changed();
    void say(const std::string& text);
    std::filesystem::path free_name(const std::string& stem, const std::string& ending) const;
    std::string step_label() const;

    struct Place {
        std::vector<std::string> views;
        int focus = 0;
        std::map<std::string, Settings> settings;
        std::string compare;
    };

    AppState state_, kept_;
    Host host_;
    std::filesystem::path state_file_, save_folder_;
    std::vector<std::string> model_arguments_, run_arguments_;
    // What a run in progress will be called once it is there.
    std::vector<std::string> next_model_arguments_, next_run_arguments_;
    std::unique_ptr<Engine> engine_;
    // The device that was asked for; `posted`: that runs use it.
    BackendWish wish_ = BackendWish::automatic;
    std::future<ChosenBackend> opening_;
    ChosenBackend chosen_;
    bool backend_posted_ = false, tell_backend_ = false;
    double next_look_ = 0;
    SnapshotPtr engines_;   // the engine's last
    SnapshotPtr plain_;     // the same with the probe that is looked at
    SnapshotPtr snapshot_;  // and with what was set by hand
    std::int64_t shown_probe_ = -1;
    TracePtr probe_, named_probe_;  // as kept, and with its model's name
    std::shared_ptr<const Timeline> probe_timeline_;
    std::shared_ptr<const Timeline> timeline_;
    Theme theme_;
    std::array<Rect, 2> areas_{Rect{0, 0, 960, 600}, Rect{0, 0, 960, 600}};
    std::uint64_t posted_ = 0, posted_run_ = 0, error_seen_ = 0, version_ = 0;
    bool restoring_ = false;    // the first run goes back to the state's step
    bool wrote_on_ = false;     // the next run is one that no argument named yet
    std::deque<Move> waiting_;  // keys pressed while a run is in progress
    std::vector<Place> history_;
    double now_ = 0, move_begin_ = 0, phase_ = 1, next_play_ = 0;
    std::string hover_node_;
    std::int64_t hover_index_ = -1;
    std::string error_;
    Toast toast_;
    // The shape that a page asks to be built at once: the command, since when, and the last that
    // was tried.
    std::string drawn_up_, built_;
    double drawn_up_since_ = 0;
    Overlay overlay_ = Overlay::none;
    bool prompt_focus_ = false, picture_focus_ = false, quitting_ = false, roomy_ = true;

    // What a pane's view was asked about: its needs and its invariants are asked for anew when it
    // is another thing.
    struct Subject {
        const View* view = nullptr;
        TracePtr trace;
        Cursor cursor;
        Settings settings;
        std::vector<NamedRun> runs;
        BackendPtr backend;
        bool operator==(const Subject&) const = default;
    };
    Subject subject(int pane) const;
    struct Checked {
        Subject subject;
        std::shared_ptr<const Derived> derived;
        std::vector<Invariant> list;
    };
    mutable std::array<Checked, 2> checked_;
    struct Wanted {
        std::vector<Subject> subjects;
        std::vector<DerivedKey> keys;  // of what no view asks for
        bool sparing = false;
        bool operator==(const Wanted&) const = default;
    };
    Wanted wanted_;
    // What was set by hand: what it follows from, the run that is wanted, the one that is shown.
    struct EditsOf {
        TracePtr trace;
        std::map<std::string, Settings> settings;
        std::vector<Edit> by_hand;
        std::int64_t step = -1, token = -1;
        bool operator==(const EditsOf&) const = default;
    };
    std::vector<Edit> by_hand_;  // by command
    EditsOf edits_of_;
    std::vector<Need> edit_need_;  // one or none
    std::size_t edits_wanted_ = 0;
    std::shared_ptr<const EditedRun> edited_;
    // Of each view, the settings that a handle fixed, as they were.
    std::map<std::string, std::map<std::string, std::optional<SettingValue>>> held_;
    // Runs to compare with; those that the right pane, which shows one of them, is compared with;
    // and those that are being loaded or saved.
    std::vector<NamedRun> runs_, runs_of_other_;
    struct Loading {
        RunFolder run;
        Need need;
        bool saving = false;
    };
    std::vector<Loading> loading_;
    std::uint64_t attempts_ = 0;
    std::vector<Need> beside_need_;  // one or none
    std::shared_ptr<const RunBeside> beside_;
    std::shared_ptr<const Derived> derived_ = std::make_shared<const Derived>();
    std::unique_ptr<DerivedWorker> worker_;
};

}  // namespace sf
