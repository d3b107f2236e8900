#include "core/run/derived.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace sf {
namespace {

struct Number : DerivedValue {
    explicit Number(int v) : value(v) {}
    int value;
};
struct Other : DerivedValue {};

Need number(const std::string& name, int value, int* computed = nullptr) {
    return {{name}, [=](const Progress&) -> DerivedPtr {
                if (computed) ++*computed;
                return std::make_shared<Number>(value);
            }};
}

TEST(Derived, IsFoundByItsKeyAndType) {
    Derived derived;
    EXPECT_EQ(derived.find<Number>({"a"}), nullptr);
    EXPECT_FALSE(derived.settled({number("a", 1)}));
    derived.settle({number("a", 1), number("b", 2)});
    EXPECT_EQ(derived.find<Number>({"a"})->value, 1);
    EXPECT_EQ(derived.find<Number>({"b"})->value, 2);
    EXPECT_EQ(derived.find<Other>({"a"}), nullptr);
    const int place = 0;
    EXPECT_EQ(derived.find<Number>({"a", &place}), nullptr);
}

TEST(Derived, ComputesOnce) {
    int computed = 0;
    Derived derived;
    derived.settle({number("a", 1, &computed), number("a", 1, &computed)});
    derived.settle({number("a", 1, &computed)});
    EXPECT_EQ(computed, 1);
    const Derived copy = derived;
    EXPECT_EQ(copy.find<Number>({"a"}), derived.find<Number>({"a"}));
}

TEST(Derived, AFailureIsAResult) {
    Derived derived;
    const Need fails{
        {"a"}, [](const Progress&) -> DerivedPtr { throw std::runtime_error("no such text"); }};
    const Need forgets{{"b"}, [](const Progress&) -> DerivedPtr { return nullptr; }};
    derived.settle({fails, forgets});
    EXPECT_TRUE(derived.settled({fails, forgets}));
    EXPECT_EQ(derived.entry({"a"})->error, "no such text");
    EXPECT_EQ(derived.entry({"b"})->error, "b: has no result");
}

TEST(Derived, WhatWasGivenUpIsNotSettled) {
    const Need gives_up{{"a"}, [](const Progress& progress) -> DerivedPtr {
                            return progress(0.5) ? std::make_shared<Number>(1) : nullptr;
                        }};
    EXPECT_FALSE(Derived::computed(gives_up, [](double) { return false; }).settled());
    EXPECT_TRUE(Derived::computed(gives_up, [](double) { return true; }).settled());
}

}  // namespace
}  // namespace sf
