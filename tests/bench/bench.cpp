#include "tests/bench/bench.h"

#include "core/backend/executor.h"
#include "core/model/model.h"
#include "core/ops/matmul.h"
#include "core/random.h"
#include "tests/bench/floor.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sf {

namespace {

double seconds_of(const std::function<void()>& work) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    work();
    return std::chrono::duration<double>(Clock::now() - start).count();
}

// Medians of candidates measured in turn, so that a machine that drifts drifts for all.
std::vector<double> medians(const std::vector<std::function<void()>>& candidates, double budget) {
    std::vector<std::vector<double>> times(candidates.size());
    for (const auto& c : candidates) c();
    double spent = 0;
    while (times[0].size() < 9 || spent < budget)
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            times[i].push_back(seconds_of(candidates[i]));
            spent += times[i].back();
        }
    std::vector<double> out;
    for (auto& t : times) {
        std::nth_element(t.begin(), t.begin() + static_cast<std::ptrdiff_t>(t.size() / 2), t.end());
        out.push_back(t[t.size() / 2]);
    }
    return out;
}

std::vector<std::int64_t> random_ids(std::int64_t n, std::int64_t vocab) {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < n; ++i)
        ids.push_back(static_cast<std::int64_t>(random_bits(7, 1, static_cast<std::uint64_t>(i)) %
                                                static_cast<std::uint64_t>(vocab)));
    return ids;
}

struct Figure {
    std::string name;
    double seconds = 0, eigen_floor = 0, own_floor = 0, flops = 0;
};

}  // namespace

int run_benchmarks(bool json) {
    const auto model = preset_model("bench", 0);
    const ModelConfig& c = model->config;
    std::vector<Figure> figures;

    for (const std::int64_t batch : {std::int64_t{1}, std::int64_t{8}}) {
        const std::int64_t tokens = 128;
        const auto graph = build_graph(c, AttentionMode::naive);
        Executor executor(graph, model->weights, 1);
        const auto ids = random_ids(batch * tokens, c.vocab_size);
        Executor::Request request;
        request.extent = {batch, tokens, 0};
        request.ids = ids;
        request.outputs = {graph->logits()};
        Products products(forward_products(c, batch, tokens));
        const auto m = medians(
            {[&] { executor.run(request); }, [&] { products.eigen(); }, [&] { products.own(); }},
            2.0);
        figures.push_back(
            {"forward " + std::to_string(batch) + "x128", m[0], m[1], m[2], products.flops()});
    }
    {
        // One token after `past` others, the mean of a generation from 1 to 128.
        const std::int64_t past = 64;
        const auto graph = build_graph(c, AttentionMode::absorbed);
        Executor executor(graph, model->weights, 1);
        KvCache cache(c, past + 2);
        const auto ids = random_ids(past, c.vocab_size);
        Executor::Request request;
        request.extent = {1, past, 0};
        request.ids = ids;
        request.cache = &cache;
        request.outputs = {graph->logits()};
        executor.run(request);
        request.extent = {1, 1, past};
        request.ids = std::span(ids).first(1);
        Products products(decode_products(c, past + 1));
        const auto step = [&] {
            cache.truncate(past);
            executor.run(request);
        };
        const auto m = medians({step, [&] { products.eigen(); }, [&] { products.own(); }}, 1.0);
        figures.push_back({"decode, 64 cached", m[0], m[1], m[2], products.flops()});
    }

    if (json) {
        nlohmann::json out = nlohmann::json::array();
        for (const Figure& f : figures)
            out.push_back({{"name", f.name},
                           {"ms", f.seconds * 1e3},
                           {"gflops", f.flops / f.seconds * 1e-9},
                           {"eigen_products_ms", f.eigen_floor * 1e3},
                           {"own_products_ms", f.own_floor * 1e3},
                           {"ratio_to_eigen_products", f.seconds / f.eigen_floor},
                           {"ratio_to_own_products", f.seconds / f.own_floor}});
        std::printf("%s\n", out.dump(1).c_str());
        return 0;
    }
    std::printf("bench configuration, one thread; products: the same matrix products alone\n");
    std::printf("%-20s %9s %9s %12s %7s %12s %7s\n", "", "ms", "GFLOP/s", "Eigen's ms", "ratio",
                "kernel's ms", "ratio");
    for (const Figure& f : figures)
        std::printf("%-20s %9.3f %9.1f %12.3f %7.2f %12.3f %7.2f\n", f.name.c_str(),
                    f.seconds * 1e3, f.flops / f.seconds * 1e-9, f.eigen_floor * 1e3,
                    f.seconds / f.eigen_floor, f.own_floor * 1e3, f.seconds / f.own_floor);
    return 0;
}

}  // namespace sf
