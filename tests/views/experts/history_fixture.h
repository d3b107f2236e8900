#pragma once

#include "core/random.h"
#include "core/run/history.h"
#include "core/train/balance.h"
#include "core/train/trainer.h"
#include "core/train/training_text.h"
#include "tests/support/picture.h"
#include "tests/support/runs.h"
#include "views/registry.h"

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

// Trainings for the pages of the view "Experts" that show one.
namespace sf::test {

// Nano, trained for a few steps of 2 x 24 tokens.
inline std::shared_ptr<const History> trained(BalanceMode mode, std::int64_t steps = 30,
                                              bool dense = false) {
    static std::map<std::string, std::shared_ptr<const History>> made;
    auto& history = made[std::to_string(static_cast<int>(mode)) + " " + std::to_string(steps) +
                         (dense ? " dense" : "")];
    if (history) return history;
    ModelConfig config = ModelConfig::preset("nano");
    if (dense) config.n_routed_experts = 0;
    TrainSettings settings;
    settings.steps = steps;
    settings.batch = 2;
    settings.seq = 24;
    settings.balance = mode;
    settings.gamma = 0.01;
    const auto text = generated_text(config, settings, preset_model("nano", 0)->tokenizer);
    Trainer trainer(config, settings, text, 1);
    while (!trainer.finished()) trainer.step();
    return history = std::make_shared<const History>(trainer.history());
}

// A training of any shape that nobody ran: tokens sent to experts with a slant, biases moved by
// the rule.
inline std::shared_ptr<const History> invented(const ModelConfig& config, std::int64_t steps,
                                               std::uint64_t seed, std::size_t budget = 4096) {
    auto history = std::make_shared<History>(config, budget);
    const auto experts = static_cast<std::size_t>(config.n_routed_experts);
    const std::size_t layers = history->layers().size();
    std::vector<Real> bias(layers * experts);
    std::uint64_t at = 0;
    for (std::int64_t step = 1; step <= steps; ++step) {
        StepRecord r;
        r.step = step;
        r.loss = static_cast<float>(5.0 / static_cast<double>(step));
        r.mtp_loss.resize(static_cast<std::size_t>(config.num_nextn_predict_layers), r.loss);
        r.gamma = 0.01F;
        r.tokens = 2 * 12;
        r.load.resize(layers * experts);
        for (std::size_t l = 0; l < layers; ++l) {
            const std::string& name = history->layers()[l];
            const std::int64_t depth = name.starts_with("mtp.") ? std::stoll(name.substr(4)) : 0;
            std::int64_t* const load = r.load.data() + l * experts;
            for (std::int64_t n = (r.tokens - 2 * depth) * config.num_experts_per_tok; n > 0; --n) {
                const double u = random_uniform(seed, 1, at++);
                ++load[static_cast<std::size_t>(u * u * static_cast<double>(experts))];
            }
            update_bias({bias.data() + l * experts, experts}, {load, experts},
                        static_cast<double>(r.gamma));
        }
        r.bias.assign(bias.begin(), bias.end());
        history->add(std::move(r));
    }
    return history;
}

// The same with one record changed.
inline std::shared_ptr<const History> changed(const History& history, std::size_t index,
                                              const std::function<void(StepRecord&)>& change) {
    auto copy = std::make_shared<History>(history.config(), history.budget());
    for (std::size_t i = 0; i < history.size(); ++i) {
        StepRecord r = history[i];
        if (i == index) change(r);
        copy->add(std::move(r));
    }
    return copy;
}

struct ExpertsPicture : Picture {
    std::shared_ptr<const History> history;
    std::vector<NamedRun> runs;

    ExpertsPicture(TracePtr t, std::shared_ptr<const History> h, const std::string& page,
                   double w = 1280, double height = 720, double text = 1, bool dark = false)
        : Picture(*find_view("experts"), std::move(t), "layers.1.router_scores", w, height, text,
                  dark),
          history(std::move(h)) {
        frame.history = history.get();
        set("show=" + page);
    }
    void beside(const std::string& name, std::shared_ptr<const History> h) {
        runs.push_back({name, nullptr, std::move(h)});
        frame.runs = &runs;
    }
};

}  // namespace sf::test
