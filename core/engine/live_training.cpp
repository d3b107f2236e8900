#include "core/engine/live_training.h"

#include "core/error.h"
#include "core/io/train_state.h"

#include <algorithm>
#include <filesystem>
#include <new>

namespace sf {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t live_steps = 2000;
constexpr std::int64_t live_seq = 128;
// Steps from one look at the held-out text to the next; each is a state to fall back to.
constexpr std::int64_t held_out_every = 50;

TrainSettings with(TrainSettings settings,
                   const std::vector<std::pair<std::string, std::string>>& set) {
    for (const auto& [name, value] : set)
        set_train_setting(settings, name, value, corpus_kind_names(), "training");
    return settings;
}

bool same_vocabulary(const ModelConfig& a, const ModelConfig& b) {
    return a.vocab_size == b.vocab_size && a.bos_token_id == b.bos_token_id &&
           a.eos_token_id == b.eos_token_id;
}

bool has_state(const fs::path& folder) {
    std::error_code error;
    return !folder.empty() && fs::exists(folder / train_state_name, error);
}

}  // namespace

TrainSettings live_settings(const ModelConfig& config) {
    TrainSettings settings;
    settings.steps = live_steps;
    settings.seq = std::min(live_seq, config.max_position_embeddings);
    return settings;
}

LiveTraining::LiveTraining(const TrainStart& start, const ModelPtr& model, int threads)
    : threads_(threads), corpus_(start.corpus) {
    if (!model && !start.config)
        throw UserError("training: there is no model here whose shape could be trained");
    if (model) name_ = model->name;
    if (!continue_saved(start, model)) {
        const ModelConfig config = start.config ? *start.config : model->config;
        if (model && same_vocabulary(config, model->config)) tokenizer_ = model->tokenizer;
        if (const auto problems = config.problems(); !problems.empty())
            throw UserError("training: " + problems.front());
        const TrainSettings base = start.settings ? *start.settings : live_settings(config);
        if (!name_.ends_with(", live")) name_ += name_.empty() ? "live" : ", live";
        begin(config, with(base, start.set));
        if (start.config)
            message_ = "The weights were drawn anew, of another shape.";
        else if (model && model->weights && model->weights->trained_step > 0)
            message_ = "The weights were drawn anew: " + model->name +
                       " came without a training state to go on from.";
    }
    if (!start.paused) resume();
}

// From where the folder of the model was left.
bool LiveTraining::continue_saved(const TrainStart& start, const ModelPtr& model) {
    if (start.afresh || start.config || !start.corpus.empty() || !model ||
        !has_state(model->folder))
        return false;
    SavedRun saved = read_run(model->folder);
    TrainSettings settings = start.settings ? *start.settings : saved.settings;
    // A run that is over goes on for as long as a new one would.
    if (!start.settings && saved.state.done >= settings.steps)
        settings.steps = saved.state.done + live_steps;
    settings = with(settings, start.set);
    tokenizer_ = saved.tokenizer;
    corpus_ = saved.source.file;
    begin(saved.config, settings);
    if (!(trainer_->text().source() == saved.source))
        throw UserError(saved.source.file.empty() ? model->folder.string() : saved.source.file, "",
                        "is not the text that the saved run was trained on");
    trainer_->restore(saved.state, std::move(saved.history));
    saved_to_ = model->folder.string();
    saved_step_ = trainer_->steps_done();
    return true;
}

TrainingTextPtr LiveTraining::text_of(const ModelConfig& config,
                                      const TrainSettings& settings) const {
    return corpus_.empty() ? generated_text(config, settings, tokenizer_)
                           : file_text(config, settings, corpus_, tokenizer_);
}

void LiveTraining::begin(const ModelConfig& config, const TrainSettings& settings) {
    if (const auto problems = settings.problems(); !problems.empty())
        throw UserError("training: " + problems.front());
    background_.run([&] {
        trainer_ = std::make_unique<Trainer>(config, settings, text_of(config, settings), threads_);
    });
    tokenizer_ = trainer_->text().tokenizer();
    rate_ = 0;
}

void LiveTraining::need_steps() const {
    if (trainer_->finished())
        throw UserError("training: all " + std::to_string(trainer_->settings().steps) +
                        " steps are done; set steps to more, or restart");
}

void LiveTraining::pause() {
    if (running()) state_ = State::paused;
    pause_at_ = -1;
}

void LiveTraining::resume() {
    need_steps();
    state_ = State::running;
    pause_at_ = -1;
}

void LiveTraining::step(std::int64_t count) {
    if (count < 1) throw UserError("training: the number of steps must be at least 1");
    need_steps();
    state_ = State::running;
    pause_at_ = std::min(trainer_->settings().steps, trainer_->steps_done() + count);
}

void LiveTraining::restart(std::uint64_t seed) {
    TrainSettings settings = trainer_->settings();
    settings.seed = seed;
    const ModelConfig config = trainer_->config();
    begin(config, settings);
    message_.clear();
    saved_to_.clear();
    saved_step_ = -1;
    resume();
}

void LiveTraining::set(const std::string& name, const std::string& value) {
    if (name.starts_with("corpus.") || name == "whole")
        throw UserError("training: " + name +
                        ": the mix of texts is chosen at the beginning; stop and start again");
    TrainSettings settings = trainer_->settings();
    set_train_setting(settings, name, value, corpus_kind_names(), "training");
    trainer_->change(settings);
    if (state_ == State::finished && !trainer_->finished()) state_ = State::paused;
    if (running() && trainer_->finished()) state_ = State::finished;
}

void LiveTraining::kick(const TrainKick& kick) {
    trainer_->kick(kick.layer, kick.expert, kick.by);
    // What was saved at this step are other weights now; what was saved before still holds.
    if (saved_step_ == steps_done()) --saved_step_;
}

void LiveTraining::save(const std::string& folder) {
    if (folder.empty()) throw UserError("training: to save a run needs a folder's name");
    std::error_code error;
    const bool ours = !saved_to_.empty() && fs::equivalent(folder, saved_to_, error) && !error;
    if (!ours && fs::exists(folder, error) &&
        !(fs::is_directory(folder, error) && fs::is_empty(folder, error)))
        throw UserError(folder, "", "is not an empty folder, a run is saved into a new one");
    const bool made = fs::create_directories(folder, error);
    if (error) throw UserError(folder, "", "cannot be made: " + error.message());
    try {
        save_run(folder, *trainer_);
    } catch (...) {
        if (made) fs::remove(folder, error);  // only when nothing is in it
        throw;
    }
    saved_to_ = folder;
    saved_step_ = trainer_->steps_done();
}

void LiveTraining::advance() {
    const std::int64_t next = trainer_->steps_done() + 1;
    const bool held_out = next % held_out_every == 0 || next == trainer_->settings().steps;
    try {
        background_.run([&] { trainer_->step(held_out); });
        const double rate = trainer_->history().back().tokens_per_second;
        rate_ += (rate_ > 0 ? 0.1 : 1.0) * (rate - rate_);
    } catch (const std::bad_alloc&) {
        state_ = State::failed;
        message_ = "training: there is not enough memory for a step";
    } catch (const std::exception& error) {
        state_ = State::failed;
        message_ = error.what();
    }
    if (!running()) return;
    if (trainer_->finished())
        state_ = State::finished;
    else if (pause_at_ >= 0 && trainer_->steps_done() >= pause_at_)
        state_ = State::paused;
    if (!running()) pause_at_ = -1;
}

ModelPtr LiveTraining::model(bool with_history) const {
    auto model = std::make_shared<Model>(*trainer_->model(name_));
    if (with_history) {
        model->history = std::make_shared<const History>(trainer_->history());
        if (saved_step_ == steps_done()) model->folder = saved_to_;
    }
    return model;
}

std::shared_ptr<TrainingStatus> LiveTraining::status() const {
    return std::make_shared<TrainingStatus>(TrainingStatus{
        state_, running() && pause_at_ >= 0, trainer_->steps_done(), trainer_->settings(),
        trainer_->history(), rate_, trainer_->bigram_loss(),
        corpus_.empty() ? "generated corpus" : corpus_, message_, saved_to_, saved_step_, true});
}

}  // namespace sf
