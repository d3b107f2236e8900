#include "app/controller.h"

#include "app/command_table.h"
#include "core/error.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sf {

namespace {

constexpr double move_seconds = 0.3;
constexpr double play_seconds = 1.0;
constexpr double toast_seconds = 5.0;

double eased(double x) {
    return x * x * (3 - 2 * x);
}

std::shared_ptr<const Timeline> no_timeline() {
    static const auto empty = std::make_shared<const Timeline>();
    return empty;
}

}  // namespace

Controller::Controller(const SessionOptions& options, Host host)
    : host_(std::move(host)),
      state_file_(options.state_file),
      save_folder_(options.save_folder),
      model_arguments_(options.model_arguments),
      run_arguments_(options.run_arguments),
      next_model_arguments_(model_arguments_),
      next_run_arguments_(run_arguments_),
      timeline_(no_timeline()) {
    std::string message;
    state_ = load_state(state_file_, message);
    kept_ = state_;
    state_.playing = false;
    std::erase_if(state_.views, [](const std::string& id) { return !find_view(id); });
    if (state_.views.empty()) state_.views = {views().front()->id()};
    state_.focus = std::min(state_.focus, panes() - 1);
    theme_ = theme();
    chosen_ = options.backend;
    wish_ = options.wish;
    Engine::Options engine = options.engine;
    engine.backend = chosen_.backend;
    backend_posted_ = chosen_.backend != nullptr;
    engine_ = std::make_unique<Engine>(options.model, engine, host_.wake);
    if (!chosen_.backend && !chosen_.refused) {
        if (opens_a_device(wish_))
            open_backend(wish_, false);
        else
            chosen_ = sf::open_backend(wish_, true);
    }
    worker_ = std::make_unique<DerivedWorker>(host_.wake);
    engines_ = plain_ = snapshot_ = engine_->snapshot();
    error_seen_ = snapshot_->error_version;
    if (!message.empty()) show_error(message);
    if (options.model && !options.model->no_history.empty()) show_error(options.model->no_history);
    if (options.train_step) state_.train_step = *options.train_step;
    begin_runs(options.runs);
    if (!state_.follow) post_training(TrainFollow{false});

    prompt_focus_ = true;
    if (options.run) {
        if (const auto* prompt = std::get_if<RunPrompt>(&*options.run))
            run_prompt(prompt->text);
        else
            post(*options.run);
        restoring_ = false;
    } else if (!state_.prompt.empty() && options.model) {
        const std::int64_t step = state_.step, token = state_.token;
        run_prompt(state_.prompt);
        state_.step = step;
        state_.token = token;
        restoring_ = true;
    }
    picture_focus_ = false;
}

Controller::~Controller() = default;

// ---- time ----------------------------------------------------------------------------------

void Controller::tick(double now) {
    now_ = now;
    take_derived();
    take_snapshot();
    take_backend();
    take_runs();
    if (phase_ < 1) {
        const double x = (now - move_begin_) / move_seconds;
        phase_ = x >= 1 ? 1 : eased(std::max(x, 0.0));
        changed();
    }
    if (state_.playing && now >= next_play_) {
        if (state_.step + 1 >= timeline_->size()) {
            state_.playing = false;
            changed();
        } else {
            move(Move::next);
            state_.playing = true;
            next_play_ = now + play_seconds;
        }
    }
    if (!toast_.text.empty() && now >= toast_.until) {
        toast_ = {};
        changed();
    }
    build_drawn_up_shape();
    tell_needs();
}

// What the pictures and the edited run need.
void Controller::tell_needs() {
    Wanted now;
    for (int pane = 0; pane < panes(); ++pane) now.subjects.push_back(subject(pane));
    std::vector<Need> needs = edit_need_;
    for (const Loading& loading : loading_) needs.push_back(loading.need);
    needs.insert(needs.end(), beside_need_.begin(), beside_need_.end());
    for (const Need& need : needs) now.keys.push_back(need.key);
    now.sparing = training() != nullptr && training()->state == TrainingStatus::State::running;
    if (now == wanted_) return;
    for (int pane = 0; pane < panes(); ++pane)
        for (Need& need : view(pane).needs(still_frame(pane))) needs.push_back(std::move(need));
    worker_->want(std::move(needs), now.sparing);
    wanted_ = std::move(now);
}

void Controller::take_derived() {
    auto results = worker_->results();
    if (results == derived_) return;
    derived_ = std::move(results);
    changed();
}

double Controller::next_wake() const {
    double at = std::numeric_limits<double>::infinity();
    if (phase_ < 1) return now_;
    if (state_.playing) at = next_play_;
    if (!toast_.text.empty()) at = std::min(at, toast_.until);
    if (backend_pending()) at = std::min(at, next_look_);
    if (drawn_up_ != built_) at = std::min(at, drawn_up_since_ + shape_rest);
    return at;
}

bool Controller::running() const {
    return snapshot_->done < posted_run_;
}

bool Controller::idle() const {
    return snapshot_->done >= posted_ && !backend_pending() && waiting_.empty() && phase_ >= 1 &&
           worker_->idle();
}

void Controller::wait_idle(double now) {
    wait_for_backend();
    engine_->wait_idle();
    engine_->wait_for([](const Snapshot& s) { return !s.training || !s.training->stepping; });
    tick(now);
    // What came may need other results, and those may be there before they are asked for.
    do {
        worker_->wait_idle();
        tick(now);
    } while (!worker_->idle() || worker_->results() != derived_);
}

namespace {

// The sequence that was run, as the command line names it: by its text, else by its ids.
std::vector<std::string> arguments_of_run(const Snapshot& s) {
    if (!s.prompt.empty()) return {"--prompt", s.prompt};
    const Extent& e = s.trace->extent;
    std::string ids = "[";
    for (std::int64_t b = 0; b < e.batch; ++b) {
        ids += b > 0 ? ",[" : "[";
        for (std::int64_t t = 0; t < e.tokens; ++t)
            ids += (t > 0 ? "," : "") +
                   std::to_string(s.trace->ids[static_cast<std::size_t>(b * e.tokens + t)]);
        ids += "]";
    }
    return {"--ids", ids + "]"};
}

// One text through one model in one way, once with its gradients and once without.
bool same_text(const Trace& a, const Trace& b) {
    return (a.graph->find("loss") == no_node) != (b.graph->find("loss") == no_node) &&
           a.ids == b.ids && a.weights == b.weights && a.weights &&
           a.graph->attention == b.graph->attention;
}

}  // namespace

void Controller::take_snapshot() {
    const SnapshotPtr newest = engine_->snapshot();
    const std::int64_t probe = shown_probe_;
    if (newest->run != engines_->run) by_hand_.clear();
    const SnapshotPtr next = with_edits(with_probe(newest));
    if (newest == engines_ && shown_probe_ == probe && next->trace == snapshot_->trace) return;
    const SnapshotPtr before = std::exchange(snapshot_, next);
    const bool new_run = newest->run != engines_->run;
    if (newest->model && newest->model != engines_->model && !newest->model->no_history.empty())
        show_error(newest->model->no_history);
    engines_ = newest;
    changed();
    if (new_run && engines_->trace) {
        model_arguments_ = next_model_arguments_;
        run_arguments_ = next_run_arguments_;
        if (wrote_on_) run_arguments_ = arguments_of_run(*engines_);
        wrote_on_ = false;
    }
    if (snapshot_->trace != before->trace && snapshot_->trace) {
        const Step* const at = current_step();
        const std::string name = at ? at->name : "";
        timeline_ = snapshot_->timeline ? snapshot_->timeline : no_timeline();
        if (new_run || shown_probe_ != probe) phase_ = 1;
        // The same text with or without its gradients: the step is found again.
        const bool same_words =
            new_run && before->trace && same_text(*before->trace, *snapshot_->trace);
        if (new_run && !same_words && !restoring_) {
            state_.step = 0;
            state_.token = -1;
        } else if (!new_run || same_words) {
            // The same step of another version of the weights, or of the same run recorded anew.
            const std::int64_t same = name.empty() ? -1 : timeline_->find(name);
            if (same >= 0 || same_words) state_.step = std::max<std::int64_t>(same, 0);
        }
        if (new_run) restoring_ = false;
        state_.step = std::clamp<std::int64_t>(state_.step, 0,
                                               std::max<std::int64_t>(timeline_->size() - 1, 0));
        if (state_.token >= token_count()) state_.token = -1;
    }
    if (snapshot_->error_version != error_seen_) {
        error_seen_ = snapshot_->error_version;
        wrote_on_ = false;
        waiting_.clear();
        next_model_arguments_ = model_arguments_;
        next_run_arguments_ = run_arguments_;
        show_error(snapshot_->error);
    }
    if (!running()) {
        const std::deque<Move> moves = std::exchange(waiting_, {});
        for (const Move m : moves) move(m);
    }
}

void Controller::post(Command command) {
    waiting_.clear();
    state_.playing = false;
    posted_ = posted_run_ = engine_->post(std::move(command));
    changed();
}

void Controller::changed() {
    ++version_;
}

void Controller::attempt(std::string_view line) {
    try {
        carry_out(*this, line);
    } catch (const UserError& error) {
        show_error(error.what());
    }
}

void Controller::show_error(const std::string& sentence) {
    error_ = sentence;
    changed();
}

void Controller::dismiss_error() {
    error_.clear();
    changed();
}

void Controller::say(const std::string& text) {
    toast_ = {text, now_ + toast_seconds, {}};
    changed();
}

// ---- runs ----------------------------------------------------------------------------------

void Controller::run_prompt(const std::string& text) {
    state_.prompt = text;
    state_.train_step = -1;
    next_run_arguments_ = {"--prompt", text};
    picture_focus_ = true;
    post(RunPrompt{text});
}

void Controller::use_preset(const std::string& name, std::uint64_t seed) {
    next_model_arguments_ = {"--preset", name, "--seed", std::to_string(seed)};
    post(UsePreset{name, seed});
}

void Controller::open_model(const std::string& folder) {
    if (folder.empty()) throw UserError("model", "", "needs a folder");
    next_model_arguments_ = {"--model", folder};
    post(OpenModel{folder});
}

void Controller::open_trace(const std::string& file) {
    if (file.empty()) throw UserError("trace", "", "needs a file");
    next_model_arguments_.clear();
    next_run_arguments_ = {"--trace", file};
    post(OpenTrace{file});
}

void Controller::set_attention(std::string_view mode) {
    if (mode != "naive" && mode != "absorbed")
        throw UserError("attention", "",
                        "takes 'naive' or 'absorbed', not '" + std::string(mode) + "'");
    post(SetAttention{mode == "naive" ? AttentionMode::naive : AttentionMode::absorbed});
}

void Controller::set_gradients(bool on) {
    post(SetGradients{on});
}

void Controller::write_on(std::int64_t tokens) {
    if (tokens < 1) throw UserError("continue", "", "needs at least one token");
    SamplingOptions options;
    options.max_new = tokens;
    post(Continue{options});
    wrote_on_ = true;
}

void Controller::complete(const std::string& node) {
    if (!snapshot_->trace || snapshot_->trace->graph->find(node) == no_node)
        throw UserError("complete", "", "there is no tensor '" + node + "'");
    post(Complete{node});
}

void Controller::focus_prompt() {
    prompt_focus_ = true;
    overlay_ = Overlay::none;
    changed();
}

void Controller::quit() {
    quitting_ = true;
    changed();
}

void Controller::keep_state() {
    if (state_file_.empty() || state_ == kept_) return;
    kept_ = state_;
    try {
        save_state(state_file_, state_);
    } catch (const UserError& error) {
        show_error(error.what());
    }
}

}  // namespace sf
