#include "core/io/files.h"

#include "tests/core/io/scratch.h"

#include <gtest/gtest.h>

#ifndef _WIN32
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#endif

namespace sf {
namespace {

using test::Scratch;
using test::user_error;

TEST(Files, what_is_written_is_read) {
    Scratch folder;
    std::string bytes("\0\r\n\xFF text", 9);
    write_file(folder / "a", bytes);
    EXPECT_EQ(read_file(folder / "a"), bytes);
    write_file(folder / "a", "");
    EXPECT_EQ(read_file(folder / "a"), "");
    EXPECT_EQ(folder.entries(), 1U);
}

TEST(Files, reading_what_cannot_be_read) {
    Scratch folder;
    EXPECT_EQ(user_error([&] { read_file(folder / "no"); }),
              (folder / "no").string() + ": no such file");
    EXPECT_EQ(user_error([&] { read_file(folder.path()); }),
              folder.path().string() + ": is a folder, not a file");
    folder.with("big", "12345");
    EXPECT_EQ(user_error([&] { read_file(folder / "big", 4); }),
              (folder / "big").string() + ": is larger than 4 bytes");
    EXPECT_EQ(read_file(folder / "big", 5), "12345");
    EXPECT_NE(user_error([&] { read_file(folder / "big" / "x"); }), "");
}

TEST(Files, writing_where_nothing_can_be_written) {
    Scratch folder;
    folder.with("file", "old");
    EXPECT_NE(user_error([&] { write_file(folder / "no" / "a", "x"); }).find("there is no folder"),
              std::string::npos);
    EXPECT_NE(user_error([&] { write_file(folder / "file" / "a", "x"); }), "");
    EXPECT_NE(user_error([&] { write_file(folder.path(), "x"); }).find("is a folder"),
              std::string::npos);
    EXPECT_NE(user_error([&] { write_file(folder / "", "x"); }).find("is a folder"),
              std::string::npos);
    EXPECT_NE(user_error([&] { write_file("", "x"); }), "");
    EXPECT_NE(user_error([&] { write_file(folder / std::string(300, 'n'), "x"); }), "");
    EXPECT_EQ(folder.entries(), 1U);
    EXPECT_EQ(read_file(folder / "file"), "old");
}

TEST(Files, without_commit_the_old_file_stays) {
    Scratch folder;
    folder.with("file", "old");
    {
        FileWriter writer(folder / "file");
        writer.write("new");
        EXPECT_EQ(read_file(folder / "file"), "old");
        EXPECT_EQ(folder.entries(), 2U);
    }
    EXPECT_EQ(folder.entries(), 1U);
    EXPECT_EQ(read_file(folder / "file"), "old");
}

TEST(Files, two_writers_do_not_disturb_each_other) {
    Scratch folder;
    FileWriter a(folder / "a"), b(folder / "b");
    a.write("first");
    b.write("second");
    b.commit();
    a.commit();
    EXPECT_EQ(read_file(folder / "a"), "first");
    EXPECT_EQ(read_file(folder / "b"), "second");
    EXPECT_EQ(folder.entries(), 2U);
}

#ifndef _WIN32

TEST(Files, a_full_device_is_reported) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    EXPECT_NE(user_error([] { write_file("/dev/full", "x"); }).find("cannot be written"),
              std::string::npos);
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/full"));
}

TEST(Files, a_device_is_written_to_and_not_replaced) {
    write_file("/dev/null", "x");
    EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
}

TEST(Files, a_full_disk_leaves_nothing_behind) {
    Scratch folder;
    folder.with("file", "old");
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
    auto* handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit small = before;
    small.rlim_cur = 1000;
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
    const auto sentence =
        user_error([&] { write_file(folder / "file", std::string(100'000, 'x')); });
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    EXPECT_NE(sentence.find("cannot be written"), std::string::npos);
    EXPECT_EQ(read_file(folder / "file"), "old");
    EXPECT_EQ(folder.entries(), 1U);
}

TEST(Files, a_link_stays_a_link) {
    Scratch folder;
    folder.with("real", "old");
    std::filesystem::create_symlink("real", folder / "link");
    write_file(folder / "link", "new");
    EXPECT_TRUE(std::filesystem::is_symlink(folder / "link"));
    EXPECT_EQ(read_file(folder / "real"), "new");
}

TEST(Files, permissions_are_kept) {
    Scratch folder;
    folder.with("file", "old");
    ASSERT_EQ(chmod((folder / "file").c_str(), 0640), 0);
    write_file(folder / "file", "new");
    struct stat info {};
    ASSERT_EQ(stat((folder / "file").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0640U);
}

#ifdef __linux__

TEST(Files, a_read_only_file_is_respected) {
    Scratch folder;
    folder.with("file", "old");
    ASSERT_EQ(chmod((folder / "file").c_str(), 0444), 0);
    // Root may write everything: for a moment somebody else does, who may write to the folder.
    const bool root = geteuid() == 0;
    ASSERT_EQ(chmod((folder / ".").c_str(), 0777), 0);
    if (root) {
        ASSERT_EQ(setresuid(65534, 65534, 0), 0);
    }
    EXPECT_NE(user_error([&] { write_file(folder / "file", "new"); }), "");
    if (root) {
        ASSERT_EQ(setresuid(0, 0, 0), 0);
    }
    EXPECT_EQ(read_file(folder / "file"), "old");
}

#endif

#endif

}  // namespace
}  // namespace sf
