#include "tests/app/cli/process.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sf::test {
namespace {

TEST(Bench, JsonHasEveryFigureBesideItsFloors) {
    const Folder folder;
    const Outcome outcome = run({"bench", "--json", "--quick"}, folder.path());
    ASSERT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const auto report = nlohmann::json::parse(outcome.out);
    for (const char* key :
         {"fma_gflops", "fma_gflops_two_threads", "l2_gbs", "l3_gbs", "memory_gbs"})
        EXPECT_GT(report.at("machine").at(key).get<double>(), 0) << key;

    std::vector<std::string> names;
    for (const auto& figure : report.at("figures")) {
        const auto name = figure.at("name").get<std::string>();
        names.push_back(name + "/" + std::to_string(figure.at("threads").get<int>()));
        for (const char* key :
             {"ms", "best_ms", "tokens_per_second", "gflops", "share_of_peak", "eigen_products_ms",
              "own_products_ms", "eigen_products_cached_ms", "own_products_cached_ms",
              "ratio_to_eigen_products", "ratio_to_own_products"})
            EXPECT_GT(figure.at(key).get<double>(), 0) << name << " " << key;
        EXPECT_LE(figure.at("best_ms").get<double>(), figure.at("ms").get<double>()) << name;
    }
    EXPECT_EQ(names, (std::vector<std::string>{"train 8x128/1", "train 8x128/2", "forward 1x128/1",
                                               "forward 8x128/1", "decode, 64 cached/1"}));
    EXPECT_NEAR(report["figures"][0].at("mflop_per_token").get<double>(), 7.70, 0.03);
    EXPECT_GT(report["figures"][1].at("speed_up").get<double>(), 0);
    EXPECT_GT(report["figures"][4].at("gbs").get<double>(), 0);
    std::vector<std::string> ways;
    for (const auto& way : report.at("speculation")) {
        ways.push_back(way.at("name"));
        EXPECT_GT(way.at("ratio_to_plain").get<double>(), 0);
        if (ways.size() > 1) {
            EXPECT_GT(way.at("tokens_per_pass").get<double>(), 1) << ways.back();
        }
    }
    EXPECT_EQ(ways, (std::vector<std::string>{"plain", "1 draft", "2 drafts", "3 drafts", "auto"}));
    const auto& device = report.at("device");
    if (device.contains("absent")) {
        EXPECT_NE(device.at("absent").get<std::string>().find("OpenGL 4.3"), std::string::npos);
    } else {
        EXPECT_GE(device.at("kernels").size(), 3U);
        for (const auto& kernel : device.at("kernels"))
            for (const char* key : {"ms", "gflops", "share_of_roof", "ratio_to_cpu"})
                EXPECT_GT(kernel.at(key).get<double>(), 0) << kernel.at("name");
    }
    EXPECT_TRUE(folder.files().empty());
}

}  // namespace
}  // namespace sf::test
