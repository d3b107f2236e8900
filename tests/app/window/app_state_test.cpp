#include "app/app_state.h"

#include "core/error.h"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>

namespace sf {
namespace {

AppState unusual() {
    AppState s;
    s.views = {"inspector", "map"};
    s.focus = 1;
    s.settings["map"] = {{"zoom", 2.5}, {"lens", false}};
    s.settings["inspector"] = {{"node", std::string("layers.0.q")}};
    s.dark = true;
    s.text_percent = 175;
    s.reduce_motion = true;
    s.panel = "off";
    s.playing = true;
    s.save_format = "svg";
    s.prompt = "naïve \"quotes\" ⏎ \n 猫";
    s.step = 17;
    s.token = 3;
    s.train_step = 500;
    s.follow = false;
    s.training = {{"lr", "0.001"}, {"balance", "bias"}};
    s.training_panel = "on";
    s.runs = {{"none", "/runs/a b"}, {"bias", "/runs/bias"}};
    s.compare = "bias";
    return s;
}

class StateFile : public testing::Test {
protected:
    void SetUp() override {
        folder_ = std::filesystem::temp_directory_path() /
                  ("sf_state_" + std::to_string(::testing::UnitTest::GetInstance()->random_seed()) +
                   testing::UnitTest::GetInstance()->current_test_info()->name());
        std::filesystem::remove_all(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }
    std::filesystem::path folder_;
};

TEST(AppState, SurvivesJson) {
    EXPECT_EQ(parse_state(state_json(unusual()), "s"), unusual());
    EXPECT_EQ(parse_state(state_json(AppState{}), "s"), AppState{});
}

TEST(AppState, BringsValuesIntoRange) {
    const AppState s = parse_state(
        R"({"text_percent": 9000, "views": [], "focus": 7, "token": -8, "step": -3,
            "save_format": "gif", "unknown": [1]})",
        "s");
    EXPECT_EQ(s.text_percent, 300);
    EXPECT_EQ(s.views, std::vector<std::string>{"map"});
    EXPECT_EQ(s.focus, 0);
    EXPECT_EQ(s.token, -1);
    EXPECT_EQ(s.step, 0);
    EXPECT_EQ(s.save_format, "png");
}

TEST(AppState, NamesFileAndField) {
    try {
        parse_state(R"({"text_percent": "big"})", "state.json");
        FAIL();
    } catch (const UserError& e) {
        EXPECT_EQ(std::string(e.what()), "state.json: text_percent: has the wrong type");
    }
    EXPECT_THROW(parse_state("[1]", "s"), UserError);
    EXPECT_THROW(parse_state(R"({"settings": 3, "views": 1})", "s"), UserError);
}

TEST_F(StateFile, IsKeptAndFoundAgain) {
    const auto file = folder_ / "deep" / "state.json";
    save_state(file, unusual());
    std::string message;
    EXPECT_EQ(load_state(file, message), unusual());
    EXPECT_EQ(message, "");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(file.parent_path()), {}), 1)
        << "nothing but the file is left";
}

TEST_F(StateFile, DamagedOneIsSetAsideWithASentence) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "state.json") << "{\"views\": [";
    std::string message;
    EXPECT_EQ(load_state(folder_ / "state.json", message), AppState{});
    EXPECT_NE(message.find("state.json"), std::string::npos) << message;
    message.clear();
    EXPECT_EQ(load_state(folder_ / "none.json", message), AppState{});
    EXPECT_EQ(message, "") << "no file is no mistake";
}

}  // namespace
}  // namespace sf
