#include "core/run/speculate.h"

#include "core/error.h"
#include "core/model/sampler.h"
#include "core/model/weights.h"
#include "core/random.h"

#include <algorithm>
#include <cmath>

namespace sf {

namespace {

const ModelConfig& drafting(const ModelPtr& model) {
    if (model->config.num_nextn_predict_layers < 1)
        throw UserError("--speculate: " + model->name +
                        " has no MTP module (num_nextn_predict_layers is 0) to draft with");
    return model->config;
}

}  // namespace

std::int64_t Round::accepted() const {
    return std::count_if(drafts.begin(), drafts.end(), [](const Draft& d) { return d.accepted; });
}

std::vector<Real> residual(std::span<const Real> p, std::span<const Real> q) {
    std::vector<Real> rest(p.size());
    double sum = 0;
    for (std::size_t i = 0; i < p.size(); ++i) {
        rest[i] = std::max(Real(0), p[i] - q[i]);
        sum += static_cast<double>(rest[i]);
    }
    if (!(sum > 0)) return {p.begin(), p.end()};
    for (Real& r : rest) r = static_cast<Real>(static_cast<double>(r) / sum);
    return rest;
}

Speculator::Speculator(const ModelPtr& model, const SamplingOptions& options, std::int64_t capacity,
                       double damage)
    : model_(model),
      options_(options),
      damage_(std::clamp(damage, 0.0, 1.0)),
      main_(*model, build_graph(drafting(model), options.attention), {model->config, capacity},
            options.threads, "final_norm", options.backend),
      modules_(static_cast<std::size_t>(model->config.num_nextn_predict_layers)),
      capacity_(capacity) {}

// Made when it first drafts.
Speculator::Module& Speculator::module(std::int64_t k) {
    Module& m = modules_[static_cast<std::size_t>(k - 1)];
    if (!m.decoder)
        m.decoder = std::make_unique<Decoder>(
            *model_, build_draft_graph(model_->config, k, options_.attention),
            KvCache(model_->config, capacity_, k), options_.threads,
            "mtp." + std::to_string(k) + ".hidden", options_.backend);
    return m;
}

std::vector<Real> Speculator::distribution(std::span<const Real> logits) const {
    if (options_.temperature == 0 && !options_.distributions) return {};
    return sampling_distribution(logits, options_.temperature, options_.top_k, options_.top_p);
}

double Speculator::uniform(const char* what, std::uint64_t index) const {
    return options_.temperature == 0 ? 0 : random_uniform(options_.seed, stream_of(what), index);
}

Drawn Speculator::draw_next(std::span<const Real> logits) {
    return sample(logits, options_, "sample", drawn_++);
}

Drawn Speculator::start(const std::vector<std::int64_t>& prompt) {
    model_->check_ids(prompt, "prompt");
    truncate(0);
    tokens_ = prompt;
    main_.run(prompt);
    hidden_.assign(main_.hidden().begin(), main_.hidden().end());
    Drawn d = draw_next(main_.logits());
    tokens_.push_back(d.id);
    return d;
}

// tokens_ ends with the drafts so far: t_0 .. t_n, d_1 .. d_{j-1}.
Draft Speculator::draft(std::int64_t j) {
    const auto depth = static_cast<std::int64_t>(modules_.size()), k = std::min(j, depth);
    Module& module = this->module(k);
    const auto width = model_->config.hidden_size;
    // Position i is joined with token i + k, the last of which is the newest.
    const auto first = module.decoder->length();
    const auto end = static_cast<std::int64_t>(tokens_.size()) - k;
    const std::vector<Real>& from = j > depth ? module.hidden
                                    : k > 1 && model_->config.mtp_chain()
                                        ? modules_[static_cast<std::size_t>(k - 2)].hidden
                                        : hidden_;
    const std::int64_t row = j > depth ? first - 1 : first;
    module.decoder->run(std::span(tokens_).subspan(static_cast<std::size_t>(first + k)),
                        std::span(from).subspan(static_cast<std::size_t>(row * width),
                                                static_cast<std::size_t>((end - first) * width)));
    const auto hidden = module.decoder->hidden();
    const auto logits = module.decoder->logits();
    module.hidden.insert(module.hidden.end(), hidden.begin(), hidden.end());
    Drawn drawn = sample(logits, options_, "draft", drafted_);
    if (damage_ > 0) add_noise(drawn);
    Draft d{drawn.id, std::move(drawn.probabilities), {}, 0, false};
    d.u = uniform("accept", drafted_++);
    return d;
}

// A greedy draft is the likeliest token, but for the noise's share of times one by lot.
void Speculator::add_noise(Drawn& d) const {
    const std::int64_t vocab = model_->config.vocab_size;
    const double each = damage_ / static_cast<double>(vocab);
    for (Real& q : d.probabilities)
        q = static_cast<Real>((1 - damage_) * static_cast<double>(q) + each);
    if (options_.temperature > 0) {
        d.id = draw(d.probabilities, d.u);
        return;
    }
    const double u = random_uniform(options_.seed, stream_of("damage"), drafted_);
    const auto place = static_cast<std::int64_t>(u / damage_ * static_cast<double>(vocab));
    if (u < damage_) d.id = std::min(place, vocab - 1);
}

Round Speculator::round(std::int64_t drafts) {
    const auto read = main_.length();  // t_0 .. t_{read-1}; t_read is drawn and not yet read
    Round round;
    for (std::int64_t j = 1; j <= drafts; ++j) {
        round.drafts.push_back(draft(j));
        tokens_.push_back(round.drafts.back().id);
    }
    main_.run(std::span(tokens_).subspan(static_cast<std::size_t>(read)));
    hidden_.insert(hidden_.end(), main_.hidden().begin(), main_.hidden().end());

    std::int64_t accepted = 0;
    for (Draft& d : round.drafts) {
        const auto logits = main_.logits(accepted);
        d.p = distribution(logits);
        const auto id = static_cast<std::size_t>(d.id);
        d.accepted = options_.temperature == 0
                         ? d.id == argmax(logits)
                         : d.u * static_cast<double>(d.q[id]) < static_cast<double>(d.p[id]);
        if (!d.accepted) break;
        ++accepted;
    }
    if (accepted == drafts || options_.temperature == 0) {
        round.next = draw_next(main_.logits(accepted));
    } else {
        const Draft& rejected = round.drafts[static_cast<std::size_t>(accepted)];
        round.next = {0, residual(rejected.p, rejected.q), uniform("sample", drawn_++)};
        round.next.id = sf::draw(round.next.probabilities, round.next.u);
    }
    const auto certain = read + 1 + accepted;
    tokens_.resize(static_cast<std::size_t>(certain));
    keep(certain, read);
    tokens_.push_back(round.next.id);
    return round;
}

void Speculator::truncate(std::int64_t tokens) {
    tokens_.resize(std::min(tokens_.size(), static_cast<std::size_t>(tokens)));
    keep(std::max<std::int64_t>(0, tokens - 1), std::max<std::int64_t>(0, tokens - 1));
}

void Speculator::append(std::int64_t id) {
    if (const auto read = static_cast<std::size_t>(main_.length()); read < tokens_.size()) {
        main_.run(std::span(tokens_).subspan(read));
        hidden_.insert(hidden_.end(), main_.hidden().begin(), main_.hidden().end());
    }
    tokens_.push_back(id);
}

void Speculator::keep(std::int64_t certain, std::int64_t end) {
    const auto width = static_cast<std::size_t>(model_->config.hidden_size);
    const auto cut = [&](std::vector<Real>& rows, std::int64_t n) {
        rows.resize(std::min(rows.size(), static_cast<std::size_t>(n) * width));
    };
    main_.truncate(certain);
    cut(hidden_, certain);
    for (std::size_t i = 0; i < modules_.size(); ++i) {
        if (!modules_[i].decoder) continue;
        // Position p of depth k used token p + k; from `end` on it stood on a draft's hidden state.
        const auto k = static_cast<std::int64_t>(i) + 1;
        const auto rows = std::clamp<std::int64_t>(certain - k, 0, end);
        modules_[i].decoder->truncate(rows);
        cut(modules_[i].hidden, rows);
    }
}

double Speculated::acceptance() const {
    return drafted > 0 ? static_cast<double>(accepted) / static_cast<double>(drafted) : 0;
}

std::vector<double> round_costs(const ModelConfig& c, std::int64_t most) {
    // Of the main model and of each module: what every pass reads, and all routed experts.
    struct Reads {
        double always, routed = 0;
    };
    const auto depth = static_cast<std::size_t>(c.num_nextn_predict_layers);
    const auto head = static_cast<double>(c.vocab_size * c.hidden_size);
    std::vector<Reads> parts(depth + 1, {head});
    std::vector<std::string> prefixes;
    for (std::size_t k = 0; k < depth; ++k)
        prefixes.push_back("model.layers." +
                           std::to_string(c.num_hidden_layers + static_cast<std::int64_t>(k)) +
                           ".");
    for (const ParameterSpec& p : parameters(c)) {
        if (p.shape.rank < 2 || p.name.starts_with("model.embed") || p.name.starts_with("lm_head"))
            continue;
        std::size_t module = 0;
        for (std::size_t k = 0; k < depth; ++k)
            if (p.name.starts_with(prefixes[k])) module = k + 1;
        const bool routed = p.name.find(".mlp.experts.") != std::string::npos;
        (routed ? parts[module].routed : parts[module].always) +=
            static_cast<double>(p.shape.size());
    }
    const double chosen = static_cast<double>(c.num_experts_per_tok) /
                          static_cast<double>(std::max<std::int64_t>(1, c.n_routed_experts));
    const auto read = [&](std::int64_t module, std::int64_t rows) {
        const Reads& part = parts[static_cast<std::size_t>(module)];
        return part.always + part.routed * (1 - std::pow(1 - chosen, static_cast<double>(rows)));
    };
    std::vector<double> cost;
    double drafts = 0;
    for (std::int64_t n = 0; n <= most; ++n) {
        // The first draft's module reads up to two tokens: the last accepted one and the next.
        if (n > 0) drafts += read(std::min(n, c.num_nextn_predict_layers), 2);
        cost.push_back((read(0, n + 1) + drafts) / read(0, 1));
    }
    return cost;
}

std::int64_t drafts_that_pay(std::span<const double> accept, std::span<const double> cost) {
    std::size_t best = 1;
    double best_rate = 0, tokens = 1, chance = 1;
    for (std::size_t n = 1; n <= accept.size(); ++n) {
        chance *= accept[n - 1];
        tokens += chance;
        const double rate = tokens / cost[n];
        if (rate <= best_rate) continue;
        best_rate = rate;
        best = n;
    }
    return static_cast<std::int64_t>(best);
}

Speculated speculate(const ModelPtr& model, const std::vector<std::int64_t>& prompt,
                     const SamplingOptions& options, const SpeculationOptions& speculation,
                     const std::function<bool(const Drawn&)>& on_token) {
    check_room(*model, prompt, options.max_new);
    Speculated out;
    out.text.prompt_ids = prompt;
    if (options.max_new <= 0) return out;
    Speculator speculator(model, options,
                          static_cast<std::int64_t>(prompt.size()) + options.max_new,
                          speculation.damage);
    bool going = true;
    const auto emit = [&](Drawn d) {
        if (!going) return;
        out.text.drawn.push_back(std::move(d));
        const Drawn& last = out.text.drawn.back();
        if (on_token && !on_token(last)) going = false;
        if (options.stop_at_eos && last.id == model->config.eos_token_id) going = false;
        if (std::ssize(out.text.drawn) == options.max_new) going = false;
    };
    const std::vector<double> costs = round_costs(model->config, speculation.drafts);
    emit(speculator.start(prompt));
    out.passes = 1;
    // Of each place: drafts judged, accepted, and the rate, one half before anything is known.
    std::vector<double> judged(costs.size() - 1), accepts(judged), rates(judged.size(), 0.5);
    while (going) {
        // The pass itself adds a token behind the drafts.
        const auto left = options.max_new - std::ssize(out.text.drawn) - 1;
        const std::int64_t wanted =
            speculation.adaptive ? drafts_that_pay(rates, costs) : speculation.drafts;
        Round round = speculator.round(std::min(wanted, left));
        ++out.passes;
        out.drafted += std::ssize(round.drafts);
        const std::int64_t accepted = round.accepted();
        out.accepted += accepted;
        const auto reached = std::min(accepted + 1, std::ssize(round.drafts));
        out.judged += reached;
        for (std::int64_t j = 0; j < reached; ++j) {
            const auto i = static_cast<std::size_t>(j);
            judged[i] += 1;
            accepts[i] += j < accepted ? 1 : 0;
            rates[i] = (accepts[i] + 1) / (judged[i] + 2);
        }
        for (const Draft& d : std::span(round.drafts).first(static_cast<std::size_t>(accepted)))
            emit({d.id, d.p, d.u});
        emit(round.next);
        out.rounds.push_back(std::move(round));
    }
    out.text.cache_bytes = speculator.cache_bytes();
    return out;
}

}  // namespace sf
