#include "core/train/trainer.h"

#include "core/backend/executor.h"
#include "core/backend/thread_pool.h"
#include "core/error.h"
#include "core/run/probe.h"
#include "core/run/runner.h"
#include "core/text/one_line.h"
#include "core/train/adamw.h"
#include "core/train/balance.h"
#include "core/train/schedule.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace sf {

namespace {

constexpr std::int64_t held_out_rows = 32;
constexpr std::int64_t evaluation_batch = 8;

bool moves_bias(BalanceMode mode) {
    return mode == BalanceMode::bias || mode == BalanceMode::bias_seq;
}

bool finite(const ConstView& value) {
    for (std::int64_t i = 0; value.real && i < value.size(); ++i)
        if (!std::isfinite(value.real[i])) return false;
    return true;
}

}  // namespace

// The nodes that a step reads, found by their names once.
struct Trainer::Nodes {
    NodeId loss = no_node;
    std::vector<NodeId> mtp_loss, balance_loss, aux_loss, load;
    std::vector<const ParameterLayout::Entry*> bias;  // of each load; null: the router has none
};

Trainer::~Trainer() = default;

Trainer::Trainer(const ModelConfig& config, const TrainSettings& settings, TrainingTextPtr text,
                 int threads)
    : config_(config),
      settings_(settings),
      text_(std::move(text)),
      graph_(build_training_graph(config)),
      layout_(std::make_shared<ParameterLayout>(config)),
      weights_(layout_),
      gradients_(layout_),
      m_(layout_),
      v_(layout_),
      pool_(std::make_shared<ThreadPool>(threads)),
      executor_(graph_, pool_),
      evaluator_(graph_, pool_),
      history_(config) {
    change(settings);
    weights_.assign(*initial_weights(config, settings.seed));
    find_nodes();
    history_.about.corpora = text_->labels();
    see_text();
    held_out_ = text_->held_out(held_out_rows, settings_.seq);
    bigram_loss_ = text_->bigram_loss(held_out_);
    const auto probe = text_->probe(max_probe_tokens);
    history_.about.probe_text =
        text_->tokenizer() ? to_valid_utf8(text_->tokenizer()->decode(probe)) : "";
    keep_probe();
    keep_good_state();
}

void Trainer::keep_probe() {
    RunOptions options;
    options.threads = 1;
    const auto made = model("probe");
    history_.add_probe(done_, run_trace(made, {text_->probe(max_probe_tokens)}, options));
    history_.add_written(done_, write_on(*made, history_.about.beginnings));
}

// A history that goes on may be of another mix of texts.
void Trainer::see_text() {
    const double floor = text_->floor();
    history_.about.floor = std::isfinite(floor) ? std::optional(floor) : std::nullopt;
    history_.add_beginnings(text_->beginnings());
}

void Trainer::find_nodes() {
    nodes_ = std::make_unique<Nodes>();
    const Graph& g = *graph_;
    nodes_->loss = g.find("loss");
    for (std::int64_t k = 1; k <= config_.num_nextn_predict_layers; ++k)
        nodes_->mtp_loss.push_back(g.find("mtp." + std::to_string(k) + ".loss"));
    for (const std::string& layer : history_.layers()) {
        nodes_->balance_loss.push_back(g.find(layer + ".balance_loss"));
        nodes_->aux_loss.push_back(g.find(layer + ".aux_loss"));
        nodes_->load.push_back(g.find(layer + ".expert_load"));
        const auto number = g[nodes_->load.back()].layer;
        nodes_->bias.push_back(config_.has_router_bias()
                                   ? &layout_->at("model.layers." + std::to_string(number) +
                                                  ".mlp.gate.e_score_correction_bias")
                                   : nullptr);
    }
    const auto n = static_cast<std::size_t>(g.size());
    params_.resize(n);
    gradient_of_.resize(n);
    nowhere_.resize(n);
    for (NodeId id = 0; id < g.size(); ++id) {
        if (g[id].op != Op::param) continue;
        const auto& entry = layout_->at(g[id].name);
        params_[static_cast<std::size_t>(id)] = {entry.shape, weights_[entry].data()};
        if (!entry.router_bias)
            gradient_of_[static_cast<std::size_t>(id)] = gradients_[entry].data();
    }
}

void Trainer::change(const TrainSettings& settings) {
    if (const auto problems = settings.problems(); !problems.empty())
        throw UserError("training: " + problems.front());
    if (settings.seq > config_.max_position_embeddings)
        throw UserError("training: seq: " + std::to_string(settings.seq) +
                        " tokens a row are more than the model's context of " +
                        std::to_string(config_.max_position_embeddings));
    if (settings.seq < config_.num_nextn_predict_layers + 2)
        throw UserError("training: seq: a row needs at least " +
                        std::to_string(config_.num_nextn_predict_layers + 2) +
                        " tokens, so that every MTP module has something to predict");
    settings_ = settings;
    see_rows();
}

void Trainer::kick(const std::string& layer, std::int64_t expert, double by) {
    const auto refuse = [](const std::string& reason) { throw UserError("kick: " + reason); };
    const auto& layers = history_.layers();
    const auto found = std::find(layers.begin(), layers.end(), layer);
    if (layers.empty()) refuse("this model has no experts");
    if (found == layers.end()) {
        std::string known;
        for (const auto& name : layers) known += (known.empty() ? "" : ", ") + name;
        refuse(one_line(layer) + " is no layer with experts (" + known + ")");
    }
    if (expert < 0 || expert >= config_.n_routed_experts)
        refuse("expert " + std::to_string(expert) + " does not exist, " + layer + " has 0 to " +
               std::to_string(config_.n_routed_experts - 1));
    const auto* bias = nodes_->bias[static_cast<std::size_t>(found - layers.begin())];
    if (!bias) refuse("the routers of this model have no bias");
    if (!moves_bias(settings_.balance))
        refuse("balance=" + std::string(balance_name(settings_.balance)) +
               " moves no bias, so nothing would undo it (balance=bias or bias+seq do)");
    if (!(std::abs(by) <= max_kick)) refuse("the bias can be moved by -1000 to 1000 at once");
    Real& b = weights_[*bias][static_cast<std::size_t>(expert)];
    b = static_cast<Real>(static_cast<double>(b) + by);
}

// A history that goes on may have known longer ones.
void Trainer::see_rows() {
    history_.about.row_tokens = std::max(history_.about.row_tokens, settings_.seq);
}

void Trainer::choose_losses() {
    losses_ = {{nodes_->loss, 1}};
    const auto depths = static_cast<double>(nodes_->mtp_loss.size());
    if (settings_.lambda > 0)
        for (const NodeId id : nodes_->mtp_loss) losses_.push_back({id, settings_.lambda / depths});
    if (settings_.balance == BalanceMode::bias_seq && settings_.alpha > 0)
        for (const NodeId id : nodes_->balance_loss) losses_.push_back({id, settings_.alpha});
    if (settings_.balance == BalanceMode::aux && settings_.aux_alpha > 0)
        for (const NodeId id : nodes_->aux_loss) losses_.push_back({id, settings_.aux_alpha});
}

void Trainer::take_rows(std::vector<std::int64_t>& ids) {
    const auto batch = static_cast<std::size_t>(settings_.batch);
    std::vector<std::vector<std::int64_t>> rows(batch);
    pool_->run(settings_.batch, [&](std::int64_t i, int) {
        rows[static_cast<std::size_t>(i)] =
            text_->row(next_row_ + static_cast<std::uint64_t>(i), settings_.seq, settings_.hot);
    });
    for (const auto& row : rows) ids.insert(ids.end(), row.begin(), row.end());
}

const StepRecord& Trainer::step(bool held_out) {
    const auto start = std::chrono::steady_clock::now();
    choose_losses();
    std::vector<std::int64_t> ids;
    take_rows(ids);

    GradientExecutor::Request r;
    r.extent = {settings_.batch, settings_.seq, 0};
    r.ids = ids;
    r.params = params_;
    r.gradients = gradient_of_;
    r.seeds = losses_;
    r.outputs = nodes_->load;
    r.outputs.push_back(nodes_->loss);
    for (const NodeId id : nodes_->mtp_loss) r.outputs.push_back(id);
    for (const auto& seed : losses_) r.outputs.push_back(seed.loss);
    executor_.run(r);

    const double norm = gradient_norm();
    bool sound = std::isfinite(norm);
    for (const NodeId id : r.outputs) sound = sound && finite(executor_.value(id));
    if (!sound) fail_not_finite(ids);
    update(norm);
    next_row_ += static_cast<std::uint64_t>(settings_.batch);
    ++done_;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    StepRecord made = record(norm, seconds.count());
    if (held_out) {
        const double loss = held_out_loss();
        made.heldout_loss = static_cast<float>(loss);
        made.bigram_loss = static_cast<float>(bigram_loss_);
        if (std::isfinite(loss)) keep_good_state();
    }
    history_.add(std::move(made));
    if (is_probe_step(done_) || finished()) keep_probe();
    return history_.back();
}

// A share a parameter, added in their order.
double Trainer::gradient_norm() {
    const auto& entries = layout_->entries();
    std::vector<double> squares(entries.size());
    pool_->run(static_cast<std::int64_t>(entries.size()), [&](std::int64_t i, int) {
        const auto n = static_cast<std::size_t>(i);
        squares[n] = squared_norm(gradients_[entries[n]]);
    });
    double sum = 0;
    for (const double s : squares) sum += s;
    return std::sqrt(sum);
}

void Trainer::update(double norm) {
    AdamW a;
    a.lr = learning_rate(settings_, done_);
    a.beta1 = settings_.beta1;
    a.beta2 = settings_.beta2;
    a.eps = settings_.adam_eps;
    a.step = done_ + 1;
    const double scale = settings_.clip > 0 && norm > settings_.clip ? settings_.clip / norm : 1;
    const auto& entries = layout_->entries();
    pool_->run(static_cast<std::int64_t>(entries.size()), [&](std::int64_t i, int) {
        const auto& e = entries[static_cast<std::size_t>(i)];
        if (e.router_bias) return;
        AdamW own = a;
        own.weight_decay = e.decays ? settings_.weight_decay : 0;
        adamw_update(own, scale, weights_[e], gradients_[e], m_[e], v_[e]);
    });
    if (!moves_bias(settings_.balance)) return;
    for (std::size_t i = 0; i < nodes_->load.size(); ++i)
        if (nodes_->bias[i]) {
            const ConstView load = executor_.value(nodes_->load[i]);
            update_bias(weights_[*nodes_->bias[i]],
                        {load.ints, static_cast<std::size_t>(load.size())}, settings_.gamma);
        }
}

StepRecord Trainer::record(double norm, double seconds) {
    const auto number = [&](NodeId id) { return static_cast<float>(executor_.value(id).real[0]); };
    StepRecord r;
    r.step = done_;
    r.loss = number(nodes_->loss);
    for (const NodeId id : nodes_->mtp_loss) r.mtp_loss.push_back(number(id));
    for (const auto& seed : losses_)
        if ((*graph_)[seed.loss].op == Op::balance_loss)
            r.balance_loss += static_cast<float>(seed.weight) * number(seed.loss);
    r.grad_norm = static_cast<float>(norm);
    r.lr = static_cast<float>(learning_rate(settings_, done_ - 1));
    r.gamma = static_cast<float>(settings_.gamma);
    r.lambda = static_cast<float>(settings_.lambda);
    r.alpha = static_cast<float>(settings_.alpha);
    r.floor = static_cast<float>(history_.about.floor.value_or(not_measured));
    r.tokens = settings_.batch * settings_.seq;
    r.tokens_per_second = static_cast<float>(static_cast<double>(r.tokens) / seconds);
    const auto experts = static_cast<std::size_t>(config_.n_routed_experts);
    for (std::size_t i = 0; i < nodes_->load.size(); ++i) {
        const ConstView load = executor_.value(nodes_->load[i]);
        r.load.insert(r.load.end(), load.ints, load.ints + load.size());
        for (std::size_t e = 0; e < experts; ++e)
            r.bias.push_back(nodes_->bias[i] ? static_cast<float>(weights_[*nodes_->bias[i]][e])
                                             : 0.F);
    }
    return r;
}

double Trainer::held_out_loss() {
    double sum = 0, rows = 0;
    for (std::size_t first = 0; first < held_out_.size();) {
        const auto count =
            std::min(held_out_.size() - first, static_cast<std::size_t>(evaluation_batch));
        std::vector<std::int64_t> ids;
        for (std::size_t i = 0; i < count; ++i)
            ids.insert(ids.end(), held_out_[first + i].begin(), held_out_[first + i].end());
        GradientExecutor::Request r;
        r.extent = {static_cast<std::int64_t>(count),
                    static_cast<std::int64_t>(held_out_.front().size()), 0};
        r.ids = ids;
        r.params = params_;
        r.gradients = nowhere_;
        r.outputs = {nodes_->loss};
        evaluator_.run(r, first > 0);
        sum += static_cast<double>(evaluator_.value(nodes_->loss).real[0]) *
               static_cast<double>(count);
        rows += static_cast<double>(count);
        first += count;
    }
    return sum / rows;
}

ModelPtr Trainer::model(const std::string& name) const {
    auto model = std::make_shared<Model>();
    model->name = name;
    model->config = config_;
    model->weights = weights();
    model->tokenizer = text_->tokenizer();
    return model;
}

void Trainer::keep_good_state() {
    if (!good_) good_ = std::make_unique<State>(State{0, 0, weights_, m_, v_});
    good_->done = done_;
    good_->next_row = next_row_;
    good_->weights.assign(weights_);
    good_->m.assign(m_);
    good_->v.assign(v_);
}

void Trainer::restore(const State& state, History history) {
    done_ = state.done;
    next_row_ = state.next_row;
    weights_.assign(state.weights);
    m_.assign(state.m);
    v_.assign(state.v);
    history_ = std::move(history);
    see_rows();
    see_text();
    keep_good_state();
}

// Runs the step again, watching: the first value of the forward pass that is not finite, else the
// first gradient of the backward pass.
void Trainer::fail_not_finite(const std::vector<std::int64_t>& ids) {
    struct First : Observer {
        const Graph& graph;
        std::string name;
        explicit First(const Graph& g) : graph(g) {}
        bool wants(NodeId id) override {
            // Masked scores are −inf rightly; the lens is no part of the loss.
            const Node& n = graph[id];
            return n.op != Op::scores && n.op != Op::scores_latent && n.part != Part::lens;
        }
        void value(NodeId id, const ConstView& v, double) override {
            if (name.empty() && !finite(v)) name = graph[id].name;
        }
    };
    std::string where;
    for (const auto& e : layout_->entries())
        if (where.empty() && !finite({e.shape, weights_[e].data()})) where = e.name;
    if (where.empty()) {
        First first(*graph_);
        Executor executor(graph_, weights(), 1);
        Executor::Request r;
        r.extent = {settings_.batch, settings_.seq, 0};
        r.ids = ids;
        r.observer = &first;
        executor.run(r);
        where = first.name;
    }
    if (where.empty()) {
        GradientExecutor::Request r;
        r.extent = {settings_.batch, settings_.seq, 0};
        r.ids = ids;
        r.params = params_;
        r.gradients = gradient_of_;
        r.seeds = losses_;
        r.on_gradient = [&](NodeId id, const Shape& shape, const Real* g) {
            if (where.empty() && !finite({shape, g}))
                where = "the gradient of " + (*graph_)[id].name;
        };
        executor_.run(r);
    }
    const auto failed = done_ + 1;
    History kept = history_;
    const State good = *good_;
    kept.truncate(good.done);
    restore(good, std::move(kept));
    throw UserError("training: step " + std::to_string(failed) +
                    " has a loss that is not a finite number, first seen in " +
                    (where.empty() ? "the gradient's norm" : where) +
                    "; the run stands at its last good state, step " + std::to_string(done_) +
                    " (a smaller lr may help)");
}

}  // namespace sf
