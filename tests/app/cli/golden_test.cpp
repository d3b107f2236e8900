// The numbers of DeepSeek's own code through the command line: trace and generate against
// tests/reference (see its README for names and tolerances), in both ways of attention.
#include "core/io/checkpoint.h"
#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace sf::test {
namespace {

using nlohmann::json;

struct Golden {
    std::string config, attention, backend = "cpu";
    std::string name() const {
        return config + "_" + attention + (backend == "cpu" ? "" : "_" + backend);
    }
};
void PrintTo(const Golden& golden, std::ostream* out) {
    *out << golden.name();
}
std::string name_of(const ::testing::TestParamInfo<Golden>& info) {
    return info.param.name();
}
std::vector<Golden> on_both(const std::vector<std::string>& configs) {
    std::vector<Golden> all;
    for (const std::string& config : configs)
        for (const char* const attention : {"naive", "absorbed"})
            for (const char* const backend : {"cpu", "gl"})
                all.push_back({config, attention, backend});
    return all;
}

bool ends(const std::string& text, const std::string& with) {
    return text.size() >= with.size() &&
           text.compare(text.size() - with.size(), with.size(), with) == 0;
}

// The trace's name of an expected tensor; empty: it is not in a trace.
std::string trace_name(const std::string& config, const std::string& expected) {
    if (expected == "decode_positions" || expected == "inv_freq" || expected == "logits_absorb" ||
        expected == "decode_logits_naive" || ends(expected, ".mask_pos0"))
        return "";
    if (config != "B_mtp") return expected;
    if (expected.rfind("main_", 0) == 0) return expected.substr(5);
    if (expected.rfind("mtp_", 0) == 0) return "mtp.1." + expected.substr(4);
    return "mtp.1." + expected;
}

void expect_near(const Tensor& got, const Tensor& want, double tolerance, const std::string& name) {
    ASSERT_EQ(to_string(got.shape), to_string(want.shape)) << name;
    double worst = 0;
    for (std::int64_t i = 0; i < want.size(); ++i) {
        const double error = std::abs(got.at(i) - want.at(i));
        worst = error <= worst ? worst : error;  // NaN becomes the worst
    }
    EXPECT_LE(worst, tolerance) << name;
}

// The chosen experts of each token, in any order.
void expect_same_sets(const Tensor& got, const Tensor& want, const std::string& name) {
    ASSERT_EQ(to_string(got.shape), to_string(want.shape)) << name;
    const std::int64_t k = want.shape.cols();
    for (std::int64_t row = 0; row < want.shape.rows(); ++row) {
        std::multiset<double> a, b;
        for (std::int64_t i = 0; i < k; ++i) {
            a.insert(got.at(row * k + i));
            b.insert(want.at(row * k + i));
        }
        ASSERT_EQ(a, b) << name << " token " << row;
    }
}

// Gate weights in the order of their experts, whatever order each side chose them in.
void expect_same_weights(const Tensor& got, const Tensor& got_experts, const Tensor& want,
                         const Tensor& want_experts, const std::string& name) {
    ASSERT_EQ(to_string(got.shape), to_string(want.shape)) << name;
    const std::int64_t k = want.shape.cols();
    for (std::int64_t row = 0; row < want.shape.rows(); ++row) {
        std::map<double, double> a, b;
        for (std::int64_t i = row * k; i < (row + 1) * k; ++i) {
            a[got_experts.at(i)] = got.at(i);
            b[want_experts.at(i)] = want.at(i);
        }
        for (const auto& [expert, weight] : b)
            ASSERT_NEAR(a[expert], weight, 1e-4)
                << name << " token " << row << " expert " << expert;
    }
}

class Traces : public ::testing::TestWithParam<Golden> {};

TEST_P(Traces, EqualTheReference) {
    const auto& [config, attention, backend] = GetParam();
    const Folder folder;
    std::vector<std::string> arguments = {
        "trace",        "--model", reference(config), "--ids", reference(config, "input_ids.json"),
        "--attention",  attention, "--backend",       backend, "-o",
        "t.safetensors"};
    const bool decodes = config != "B_mtp";
    if (decodes) arguments.insert(arguments.end(), {"--decode", "5"});
    const Outcome outcome = run(arguments, folder.path());
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    if (has_no_device(outcome)) GTEST_SKIP() << outcome.err;
    EXPECT_EQ(outcome.err, "");
    EXPECT_EQ(outcome.out, "");

    const SafetensorsFile got(folder / "t.safetensors");
    const SafetensorsFile want(reference(config, "expected.safetensors"));
    int compared = 0;
    for (const auto& [expected, entry] : want.entries()) {
        const std::string name = trace_name(config, expected);
        if (name.empty()) continue;
        ASSERT_TRUE(got.entries().contains(name)) << name;
        ++compared;
        const Tensor a = got.read(name), b = want.read(expected);
        if (ends(name, "router_indices")) {
            expect_same_sets(a, b, name);
        } else if (ends(name, "router_weights")) {
            const auto experts = [](std::string weights) {
                return weights.replace(weights.size() - 7, 7, "indices");
            };
            expect_same_weights(a, got.read(experts(name)), b, want.read(experts(expected)), name);
        } else {
            expect_near(a, b, ends(name, "attn_probs") ? 2e-5 : 1e-4, name);
        }
    }
    EXPECT_GE(compared, decodes ? 24 : 8);
}

TEST_P(Traces, AreTheSameBytesTwice) {
    const auto& [config, attention, backend] = GetParam();
    const Folder folder;
    for (const char* const file : {"one.safetensors", "two.safetensors"}) {
        const Outcome outcome =
            run({"trace", "--model", reference(config), "--ids",
                 reference(config, "input_ids.json"), "--attention", attention, "--backend",
                 backend, "--threads", file[0] == 'o' ? "1" : "2", "-o", file},
                folder.path());
        ASSERT_EQ(outcome.status, 0) << outcome.err;
    }
    EXPECT_TRUE(slurp(folder / "one.safetensors") == slurp(folder / "two.safetensors"));
}

INSTANTIATE_TEST_SUITE_P(Golden, Traces, ::testing::ValuesIn(on_both({"A", "B", "C", "B_mtp"})),
                         name_of);

class Continuations : public ::testing::TestWithParam<Golden> {};

TEST_P(Continuations, GreedyEqualsTheReference) {
    const auto& [config, attention, backend] = GetParam();
    const json want = json::parse(slurp(reference(config, "greedy.json")));
    const Folder folder;
    spill(folder / "ids.json", want["prompts"].dump());
    const Outcome outcome =
        run({"generate", "--model", reference(config), "--ids", "ids.json", "--max-new", "10",
             "--greedy", "--attention", attention, "--backend", backend, "--json"},
            folder.path());
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    const json got = json::parse(outcome.out);
    ASSERT_EQ(got["sequences"].size(), want["prompts"].size());
    for (std::size_t i = 0; i < want["prompts"].size(); ++i) {
        EXPECT_EQ(got["sequences"][i]["prompt_ids"], want["prompts"][i]);
        EXPECT_EQ(got["sequences"][i]["ids"], want["greedy_continuations"][i]);
        EXPECT_TRUE(got["sequences"][i]["text"].is_null());
    }
    EXPECT_GT(got["tokens_per_second"].get<double>(), 0);
}

INSTANTIATE_TEST_SUITE_P(Golden, Continuations, ::testing::ValuesIn(on_both({"A", "B", "C"})),
                         name_of);

}  // namespace
}  // namespace sf::test
