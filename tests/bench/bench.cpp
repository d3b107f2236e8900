#include "tests/bench/bench.h"

#include "core/backend/executor.h"
#include "core/backend/thread_pool.h"
#include "core/model/model.h"
#include "core/random.h"
#include "core/train/trainer.h"
#include "tests/bench/floor.h"
#include "tests/bench/kernels.h"
#include "tests/bench/machine.h"
#include "tests/bench/measure.h"
#include "tests/bench/pictures.h"
#include "tests/bench/speculation.h"

#include <cstdio>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace sf {

namespace {

std::vector<std::int64_t> random_ids(std::int64_t n, std::int64_t vocab, std::uint64_t stream = 1) {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < n; ++i)
        ids.push_back(
            static_cast<std::int64_t>(random_bits(7, stream, static_cast<std::uint64_t>(i)) %
                                      static_cast<std::uint64_t>(vocab)));
    return ids;
}

// Rows of random ids, so that nothing is measured but the step.
class RandomText : public TrainingText {
public:
    explicit RandomText(std::int64_t vocab) { vocab_size_ = vocab; }
    std::vector<std::int64_t> row(std::uint64_t index, std::int64_t seq) const override {
        return random_ids(seq, vocab_size_, 2 + index);
    }
    std::vector<std::vector<std::int64_t>> held_out(std::int64_t, std::int64_t seq) const override {
        return {random_ids(seq, vocab_size_, 1)};
    }
    double floor() const override { return std::numeric_limits<double>::quiet_NaN(); }
    std::vector<std::string> labels() const override { return {"random"}; }
    std::vector<std::int64_t> probe(std::int64_t) const override {
        return random_ids(2, vocab_size_, 1);
    }

protected:
    std::vector<std::int64_t> counted_tokens() const override {
        return random_ids(1024, vocab_size_, 1);
    }
};

// One benchmark beside its floors; an absent floor has a best of 0.
struct Figure {
    std::string name;
    int threads = 1;
    std::int64_t tokens = 0;
    double flops = 0;  // useful ones
    double bytes = 0;  // that have to be read; 0: not what bounds it
    Times time, eigen, own, eigen_cached, own_cached;
};

Figure with_floors(std::string name, std::int64_t tokens, double flops,
                   const std::vector<Times>& t) {
    return {std::move(name), 1, tokens, flops, 0, t[0], t[1], t[2], t[3], t[4]};
}

// The step and its products on two threads: each takes half of the sequences, so that its products
// are cut where a step could be cut with the least to say to each other.
std::vector<Figure> training_figures(const ModelConfig& c, const Effort& effort) {
    const std::int64_t batch = 8, seq = 128, tokens = batch * seq;
    TrainSettings settings;
    settings.steps = 1'000'000;
    settings.batch = batch;
    settings.seq = seq;
    const auto text = std::make_shared<RandomText>(c.vocab_size);
    Trainer one(c, settings, text, 1), two(c, settings, text, 2);
    const auto list = training_products(c, batch, seq), half = training_products(c, batch / 2, seq);
    Products streamed(list, Operands::streamed), cached(list, Operands::cached);
    std::vector<Products> halves, cached_halves;
    for (int i = 0; i < 2; ++i) {
        halves.emplace_back(half, Operands::streamed);
        cached_halves.emplace_back(half, Operands::cached);
    }
    ThreadPool pool(2);
    const auto on_both = [&](std::vector<Products>& p, void (Products::*work)()) {
        return [&pool, &p, work] {
            pool.run(2, [&](std::int64_t i, int) { (p[static_cast<std::size_t>(i)].*work)(); });
        };
    };
    const auto t =
        measure({[&] { one.step(); }, [&] { streamed.eigen(); }, [&] { streamed.own(); },
                 [&] { cached.eigen(); }, [&] { cached.own(); }, [&] { two.step(); },
                 on_both(halves, &Products::eigen), on_both(halves, &Products::own),
                 on_both(cached_halves, &Products::eigen), on_both(cached_halves, &Products::own)},
                effort);
    const double flops = product_flops(list, true);
    std::vector<Figure> out = {
        with_floors("train 8x128", tokens, flops, {t.begin(), t.begin() + 5}),
        with_floors("train 8x128", tokens, flops, {t.begin() + 5, t.end()})};
    out.back().threads = 2;
    return out;
}

Figure forward_figure(const Model& model, std::int64_t batch, const Effort& effort) {
    const ModelConfig& c = model.config;
    const std::int64_t tokens = 128;
    const auto graph = build_graph(c, AttentionMode::naive);
    Executor executor(graph, model.weights, 1);
    const auto ids = random_ids(batch * tokens, c.vocab_size);
    Executor::Request request;
    request.extent = {batch, tokens, 0};
    request.ids = ids;
    request.outputs = {graph->logits()};
    const auto list = forward_products(c, batch, tokens);
    Products streamed(list, Operands::streamed), cached(list, Operands::cached);
    return with_floors(
        "forward " + std::to_string(batch) + "x128", batch * tokens, product_flops(list, true),
        measure({[&] { executor.run(request); }, [&] { streamed.eigen(); }, [&] { streamed.own(); },
                 [&] { cached.eigen(); }, [&] { cached.own(); }},
                effort));
}

// One token after `past` others, the mean of a generation from 1 to 128.
Figure decode_figure(const Model& model, const Effort& effort) {
    const ModelConfig& c = model.config;
    const std::int64_t past = 64;
    const auto graph = build_graph(c, AttentionMode::absorbed);
    Executor executor(graph, model.weights, 1);
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
    const auto list = decode_products(c, past + 1);
    Products streamed(list, Operands::streamed), cached(list, Operands::cached);
    Figure f = with_floors("decode, 64 cached", 1, product_flops(list, true),
                           measure({[&] {
                                        cache.truncate(past);
                                        executor.run(request);
                                    },
                                    [&] { streamed.eigen(); }, [&] { streamed.own(); },
                                    [&] { cached.eigen(); }, [&] { cached.own(); }},
                                   effort));
    f.bytes = decode_bytes(c, past);
    return f;
}

nlohmann::ordered_json json_of(const DeviceTimes& device) {
    if (!device.absent.empty()) return {{"absent", device.absent}};
    nlohmann::ordered_json out = {{"name", device.name},
                                  {"software", device.software},
                                  {"cpu_threads", device.threads},
                                  {"copy_gbs", device.roof.copy_bytes_per_second * 1e-9},
                                  {"fma_gflops", device.roof.flops_per_second * 1e-9},
                                  {"kernels", nlohmann::ordered_json::array()}};
    for (const KernelTimes& k : device.kernels) {
        nlohmann::ordered_json j = {{"name", k.name},
                                    {"ms", k.device.median * 1e3},
                                    {"best_ms", k.device.best * 1e3},
                                    {"gflops", k.flops / k.device.median * 1e-9},
                                    {"share_of_roof", device.share_of_roof(k)},
                                    {"cpu_ms", k.cpu.median * 1e3},
                                    {"ratio_to_cpu", k.device.median / k.cpu.median},
                                    {"best_ratio_to_cpu", k.device.best / k.cpu.best}};
        if (k.eigen.best > 0) {
            j["eigen_ms"] = k.eigen.median * 1e3;
            j["ratio_to_eigen"] = k.device.median / k.eigen.median;
            j["best_ratio_to_eigen"] = k.device.best / k.eigen.best;
        }
        out["kernels"].push_back(std::move(j));
    }
    return out;
}

void print_json(const std::vector<Figure>& figures, const std::vector<SpeculationTimes>& drafts,
                const std::vector<PictureTimes>& pictures, const DeviceTimes& device,
                const MachinePeaks& peaks, double load, double load_after) {
    nlohmann::ordered_json out;
    out["machine"] = {
        {"fma_gflops", peaks.fma_gflops}, {"fma_gflops_two_threads", peaks.fma_gflops_two},
        {"l2_gbs", peaks.l2_gbs},         {"l3_gbs", peaks.l3_gbs},
        {"memory_gbs", peaks.memory_gbs}, {"load_before", load},
        {"load_after", load_after}};
    out["figures"] = nlohmann::ordered_json::array();
    for (const Figure& f : figures) {
        const double peak = f.threads == 1 ? peaks.fma_gflops : peaks.fma_gflops_two;
        nlohmann::ordered_json j = {
            {"name", f.name},
            {"threads", f.threads},
            {"tokens", f.tokens},
            {"ms", f.time.median * 1e3},
            {"best_ms", f.time.best * 1e3},
            {"cpu_ms", f.time.cpu * 1e3},
            {"tokens_per_second", static_cast<double>(f.tokens) / f.time.median},
            {"mflop_per_token", f.flops / static_cast<double>(f.tokens) * 1e-6},
            {"gflops", f.flops / f.time.median * 1e-9},
            {"share_of_peak", f.flops / f.time.median * 1e-9 / peak}};
        const auto floor = [&](const std::string& name, const Times& t) {
            j[name + "_ms"] = t.median * 1e3;
            j[name + "_best_ms"] = t.best * 1e3;
            j["ratio_to_" + name] = f.time.median / t.median;
            j["best_ratio_to_" + name] = f.time.best / t.best;
        };
        floor("eigen_products", f.eigen);
        floor("own_products", f.own);
        floor("eigen_products_cached", f.eigen_cached);
        floor("own_products_cached", f.own_cached);
        if (f.bytes > 0) {
            j["bytes_per_token"] = f.bytes;
            j["gbs"] = f.bytes / f.time.median * 1e-9;
        }
        if (f.threads == 2) {
            j["speed_up"] = figures.front().time.median / f.time.median;
            j["best_speed_up"] = figures.front().time.best / f.time.best;
        }
        out["figures"].push_back(std::move(j));
    }
    out["speculation"] = nlohmann::ordered_json::array();
    for (const SpeculationTimes& s : drafts)
        out["speculation"].push_back(
            {{"name", s.name},
             {"ms", s.time.median * 1e3},
             {"best_ms", s.time.best * 1e3},
             {"cpu_ms", s.time.cpu * 1e3},
             {"tokens", s.tokens},
             {"tokens_per_second", static_cast<double>(s.tokens) / s.time.median},
             {"acceptance", s.acceptance},
             {"tokens_per_pass", s.tokens_per_pass},
             {"ratio_to_plain", s.time.median / drafts.front().time.median},
             {"best_ratio_to_plain", s.time.best / drafts.front().time.best}});
    out["pictures"] = nlohmann::ordered_json::array();
    for (const PictureTimes& p : pictures)
        out["pictures"].push_back({{"view", p.view},
                                   {"page", p.page},
                                   {"ms", p.median * 1e3},
                                   {"p95_ms", p.p95 * 1e3},
                                   {"limit_ms", p.limit() * 1e3},
                                   {"replay_ms", p.replay * 1e3},
                                   {"ratio_to_replay", p.median / p.replay},
                                   {"strokes", p.strokes}});
    out["device"] = json_of(device);
    std::printf("%s\n", out.dump(1).c_str());
}

void print_device(const DeviceTimes& device) {
    if (!device.absent.empty()) {
        std::printf("\nkernels: %s\n", device.absent.c_str());
        return;
    }
    std::printf(
        "\nkernels on %s%s: copying %.1f GB/s, %.0f GFLOP/s at most\n%-32s %10s %9s %6s %21s "
        "%21s\n",
        device.name.c_str(), device.software ? ", a software renderer" : "",
        device.roof.copy_bytes_per_second * 1e-9, device.roof.flops_per_second * 1e-9,
        ("CPU and Eigen: " + std::to_string(device.threads) + " threads").c_str(), "ms", "GFLOP/s",
        "roof", "to CPU (best)", "to Eigen (best)");
    for (const KernelTimes& k : device.kernels) {
        std::printf("%-32s %10.3f %9.1f %5.0f%% %13.2f (%.2f)", k.name.c_str(),
                    k.device.median * 1e3, k.flops / k.device.median * 1e-9,
                    100 * device.share_of_roof(k), k.device.median / k.cpu.median,
                    k.device.best / k.cpu.best);
        if (k.eigen.best > 0)
            std::printf(" %13.2f (%.2f)", k.device.median / k.eigen.median,
                        k.device.best / k.eigen.best);
        std::printf("\n");
    }
}

void print_speculation(const std::vector<SpeculationTimes>& drafts) {
    if (drafts.empty()) return;
    std::printf("\ngreedy decoding by the model in the box, one thread\n%-18s %9s %16s %12s %12s\n",
                "", "tokens/s", "to plain (best)", "accepted", "a pass");
    for (const SpeculationTimes& s : drafts)
        std::printf("%-18s %9.0f %9.2f (%.2f) %10.1f %% %12.2f\n", s.name.c_str(),
                    static_cast<double>(s.tokens) / s.time.median,
                    s.time.median / drafts.front().time.median,
                    s.time.best / drafts.front().time.best, 100 * s.acceptance, s.tokens_per_pass);
}

void print_pictures(const std::vector<PictureTimes>& pictures) {
    std::printf(
        "\ndrawing a view anew, micro, 128 tokens, 1280x720; floor: its calls alone\n%-28s %10s "
        "%9s %7s %9s %7s %8s\n",
        "", "median ms", "p95", "target", "calls", "ratio", "strokes");
    for (const PictureTimes& p : pictures)
        std::printf("%-28s %10.3f %9.3f %7.1f %9.3f %7.1f %8zu%s\n",
                    (p.view + (p.page.empty() ? "" : " " + p.page)).c_str(), p.median * 1e3,
                    p.p95 * 1e3, p.limit() * 1e3, p.replay * 1e3, p.median / p.replay, p.strokes,
                    p.p95 > p.limit() ? "  over" : "");
}

void print_table(const std::vector<Figure>& figures, const std::vector<SpeculationTimes>& drafts,
                 const std::vector<PictureTimes>& pictures, const DeviceTimes& device,
                 const MachinePeaks& peaks, double load, double load_after) {
    std::printf(
        "machine: %.0f GFLOP/s of multiply-adds, %.0f on two threads; reading L2 %.0f, L3 %.0f, "
        "memory %.1f GB/s\n",
        peaks.fma_gflops, peaks.fma_gflops_two, peaks.l2_gbs, peaks.l3_gbs, peaks.memory_gbs);
    if (load >= 0)
        std::printf("load average %.1f before, %.1f after; our own part is 1 to 2\n", load,
                    load_after);
    std::printf(
        "\nbench configuration; medians, in brackets the best run; floors: the same matrix "
        "products "
        "alone\n%-18s %7s %21s %9s %9s %6s\n",
        "", "threads", "ms", "tokens/s", "GFLOP/s", "peak");
    for (const Figure& f : figures) {
        const double gflops = f.flops / f.time.median * 1e-9;
        const double peak = f.threads == 1 ? peaks.fma_gflops : peaks.fma_gflops_two;
        std::printf("%-18s %7d %10.3f %10s %9.0f %9.1f %5.0f%%\n", f.name.c_str(), f.threads,
                    f.time.median * 1e3,
                    ("(" + std::to_string(f.time.best * 1e3).substr(0, 6) + ")").c_str(),
                    static_cast<double>(f.tokens) / f.time.median, gflops, 100 * gflops / peak);
        const auto floor = [&](const char* name, const Times& t) {
            std::printf("    %-33s %10.3f   ratio %5.2f (%.2f)\n", name, t.median * 1e3,
                        f.time.median / t.median, f.time.best / t.best);
        };
        floor("Eigen's products, streamed", f.eigen);
        floor("own kernel's, packed, streamed", f.own);
        floor("Eigen's products, in cache", f.eigen_cached);
        floor("own kernel's, packed, in cache", f.own_cached);
        if (f.bytes > 0)
            std::printf("    %.2f MB a token: %.1f GB/s\n", f.bytes * 1e-6,
                        f.bytes / f.time.median * 1e-9);
        if (f.threads == 2)
            std::printf("    speed-up over one thread %.2f (%.2f)\n",
                        figures.front().time.median / f.time.median,
                        figures.front().time.best / f.time.best);
    }
    print_speculation(drafts);
    print_pictures(pictures);
    print_device(device);
}

}  // namespace

int run_benchmarks(bool json, bool quick, const ModelPtr& trained) {
    const double load = machine_load();
    const MachinePeaks peaks = measure_peaks();
    const auto model = preset_model("bench", 0);
    const Effort training = quick ? Effort{1, 0, 1} : Effort{3, 0.4, 3};
    const Effort small = quick ? Effort{1, 0.01, 1} : Effort{5, 0.08, 4};
    std::vector<Figure> figures = training_figures(model->config, training);
    figures.push_back(forward_figure(*model, 1, small));
    figures.push_back(forward_figure(*model, 8, small));
    figures.push_back(decode_figure(*model, small));
    const auto drafts = speculation_times(trained, quick ? Effort{1, 0.01, 1} : Effort{5, 0.2, 2});
    const auto pictures = picture_times(quick, trained);
    const DeviceTimes device = kernel_times(quick, small);
    (json ? print_json : print_table)(figures, drafts, pictures, device, peaks, load,
                                      machine_load());
    return 0;
}

}  // namespace sf
