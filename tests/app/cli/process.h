#pragma once

// Runs the real program the way a shell does: arguments in, exit status and both streams out.

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern char** environ;

namespace sf::test {

namespace fs = std::filesystem;

inline std::string slurp(const fs::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

inline void spill(const fs::path& file, const std::string& bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

// A folder of its own, gone at the end of the test.
class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "sf_cli_XXXXXX").string();
        if (!mkdtemp(name.data())) throw std::runtime_error("no temporary folder");
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    fs::path operator/(const std::string& name) const { return path_ / name; }
    const fs::path& path() const { return path_; }
    // Every file below, so that a test sees what a command left behind.
    std::set<std::string> files() const {
        std::set<std::string> found;
        for (const auto& entry : fs::recursive_directory_iterator(path_))
            found.insert(fs::relative(entry.path(), path_).string());
        return found;
    }

private:
    fs::path path_;
};

struct Outcome {
    int status = -1;  // of exit; 1000 + signal when one ended the process
    std::string out, err;
};

// A running stepformer without a display. Its streams are files, so it never waits for a reader.
class Process {
public:
    Process(const std::vector<std::string>& arguments, const fs::path& folder) {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        const std::string out = streams_ / "out", err = streams_ / "err";
        posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
        posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
        posix_spawn_file_actions_addchdir_np(&actions, folder.c_str());

        std::vector<std::string> words = {SF_BINARY};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> argv, env;
        for (auto& word : words) argv.push_back(word.data());
        argv.push_back(nullptr);
        for (char** entry = environ; *entry; ++entry) {
            const std::string variable = *entry;
            if (variable.rfind("DISPLAY=", 0) != 0 && variable.rfind("WAYLAND_DISPLAY=", 0) != 0)
                env.push_back(*entry);
        }
        env.push_back(nullptr);
        const int failed =
            posix_spawn(&pid_, SF_BINARY, &actions, nullptr, argv.data(), env.data());
        posix_spawn_file_actions_destroy(&actions);
        if (failed) throw std::runtime_error("cannot start " SF_BINARY);
    }
    ~Process() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        wait();
    }
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;

    void send(int signal) { kill(pid_, signal); }
    std::string out() const { return slurp(streams_ / "out"); }

    Outcome wait() {
        int status = 0;
        waitpid(pid_, &status, 0);
        pid_ = -1;
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status),
                slurp(streams_ / "out"), slurp(streams_ / "err")};
    }

private:
    Folder streams_;
    pid_t pid_ = -1;
};

inline Outcome run(const std::vector<std::string>& arguments, const fs::path& folder) {
    return Process(arguments, folder).wait();
}

// --backend gl on a machine without a device ended on the CPU.
inline bool has_no_device(const Outcome& outcome) {
    return outcome.err.find("the GL backend needs") != std::string::npos;
}

inline std::string reference(const std::string& config, const std::string& file = "") {
    const fs::path folder = fs::path(SF_SOURCE_DIR) / "tests/reference" / config;
    return (file.empty() ? folder : folder / file).string();
}

}  // namespace sf::test
