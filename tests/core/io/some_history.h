#pragma once

#include "core/io/history_io.h"
#include "core/random.h"
#include "core/run/probe.h"
#include "core/run/runner.h"

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

// Histories of any numbers.
namespace sf::test {

inline TracePtr short_trace(const char* preset, std::uint64_t seed) {
    std::vector<std::int64_t> ids;
    for (const char c : std::string_view("The cat sat on a")) ids.push_back(c);
    return run_trace(preset_model(preset, seed), {ids});
}

// Any numbers, those of a step alone.
inline StepRecord record_of(const History& h, std::int64_t step) {
    const auto at = static_cast<std::uint64_t>(step);
    const auto any = [&](std::uint64_t i) { return static_cast<float>(random_normal(5, at, i)); };
    StepRecord r;
    r.step = step;
    r.loss = any(1);
    r.mtp_loss.assign(static_cast<std::size_t>(h.mtp_depths()), any(2));
    r.balance_loss = any(3);
    r.grad_norm = step == 3 ? std::numeric_limits<float>::infinity() : any(4);
    r.lr = any(5);
    r.gamma = any(6);
    r.lambda = any(7);
    r.alpha = any(8);
    r.tokens_per_second = any(9);
    if (step % 4 == 0) r.heldout_loss = any(10);
    if (step % 8 == 0) r.bigram_loss = any(11);
    r.floor = any(12);
    r.tokens = 1024;
    const std::size_t cells = h.layers().size() * static_cast<std::size_t>(h.experts());
    for (std::size_t i = 0; i < cells; ++i) {
        r.load.push_back(static_cast<std::int64_t>(random_bits(2, at, i) % 2000));
        r.bias.push_back(any(20 + i));
    }
    return r;
}

inline History some_history(const char* preset, std::int64_t steps, std::int64_t probes,
                            std::size_t budget = History::default_budget) {
    History h(ModelConfig::preset(preset), budget);
    h.about = {1.0 / 3,
               {"prose", "code"},
               "The cat sat on a",
               0,
               {{"prose", {1, 2, 3}, {}}, {"code", {4}, {5, 6}}}};
    for (std::int64_t step = 1; step <= steps; ++step) h.add(record_of(h, step));
    std::uint64_t seed = 0;
    for (std::int64_t step = 0; probes > 0; ++step)
        if (is_probe_step(step)) {
            h.add_probe(step, short_trace(preset, ++seed));
            if (step != 1) h.add_written(step, {{step, 7, 8}, {}});
            --probes;
        }
    return h;
}

inline void write(const std::filesystem::path& path, const History& h, const std::string& prefix) {
    const auto out = history_tensors(h, prefix);
    write_safetensors(path, out.tensors, out.metadata);
}

}  // namespace sf::test
