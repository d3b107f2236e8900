#include "app/command_table.h"

#include "app/controller.h"
#include "core/error.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

namespace sf {
namespace {

TEST(CommandTable, EveryCommandSaysWhatItDoes) {
    std::set<std::string> ids, titles;
    for (const AppCommand& c : command_table()) {
        EXPECT_TRUE(ids.insert(c.id).second) << c.id << " is there twice";
        EXPECT_TRUE(titles.insert(c.title).second) << c.title << " is there twice";
        EXPECT_NE(c.run, nullptr) << c.id;
        EXPECT_FALSE(c.group.empty()) << c.id;
        EXPECT_GT(c.help.size(), 10U) << c.id;
        EXPECT_EQ(c.help.back(), '.') << c.id;
        EXPECT_EQ(c.id.find(' '), std::string::npos) << c.id;
    }
}

TEST(CommandTable, AKeyStandsForOneCommand) {
    std::map<std::string, std::string> owner;
    for (const AppCommand& c : command_table())
        for (const KeyBinding& key : c.keys) {
            const auto [it, fresh] = owner.emplace(key.chord, c.id);
            EXPECT_TRUE(fresh) << key.chord << " is bound to " << it->second << " and " << c.id;
        }
    for (const char* needed :
         {"Space",        "Right",  "Left",   "Shift+Right", "Shift+Left", "Ctrl+Right",
          "Ctrl+Left",    "Home",   "End",    "1",           "9",          "/",
          "Escape",       "Enter",  "?",      "Ctrl+P",      "Ctrl+S",     "Ctrl+Shift+S",
          "Ctrl+Shift+C", "Ctrl+D", "Ctrl++", "Ctrl+-",      "t"})
        EXPECT_TRUE(owner.contains(needed)) << needed;
}

TEST(CommandTable, KeysGiveTheirArgument) {
    EXPECT_EQ(command_of_key("2"), "view 2");
    EXPECT_EQ(command_of_key("Right"), "next");
    EXPECT_EQ(command_of_key("Ctrl+Shift+Alt+F12"), "");
}

}  // namespace
}  // namespace sf
