// Who may include whom (README, "Map of folders"). Reads every #include of core, views and app.
#include <gtest/gtest.h>
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

namespace fs = std::filesystem;

bool begins(std::string_view text, std::string_view with) {
    return text.starts_with(with);
}

bool any_begins(std::string_view text, std::initializer_list<std::string_view> prefixes) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return begins(text, prefix); });
}

bool is_imgui(std::string_view include) {
    return any_begins(include, {"imgui", "backends/imgui"});
}
bool is_cairo(std::string_view include) {
    return begins(include, "cairo");
}
bool is_window(std::string_view include) {
    return begins(include, "GLFW/");
}
bool is_gl(std::string_view include) {
    return any_begins(include, {"GL/", "GLES", "KHR/", "EGL/", "epoxy/", "glad/"});
}
bool is_clock(std::string_view include) {
    return include == "chrono" || include == "ctime" || include == "time.h" ||
           include == "sys/time.h";
}

// Why `file` (from the source folder) may not include `include`; empty when it may.
std::string refusal(std::string_view file, std::string_view include) {
    const bool bench = file == "app/cli_bench.cpp" && include == "tests/bench/bench.h";
    if (begins(include, "tests/") && !bench) return "nothing outside tests may include them";
    if (begins(file, "core/")) {
        if (any_begins(include, {"views/", "app/"})) return "core knows neither views nor app";
        if (is_imgui(include) || is_cairo(include) || is_window(include) ||
            any_begins(include, {"png.h", "ft2build.h", "CLI/"}))
            return "core draws nothing";
        const bool gl_folder = begins(file, "core/gl/");
        if (!gl_folder && is_gl(include)) return "GL lives in core/gl";
        if (!gl_folder && begins(include, "core/gl/")) return "core works without core/gl";
        if (gl_folder && any_begins(include, {"core/engine/", "core/train/", "core/run/"}))
            return "core/gl computes operations and knows no run";
    }
    if (begins(file, "views/")) {
        if (begins(include, "app/")) return "views do not know the program";
        if (is_gl(include) || is_window(include)) return "views know neither GL nor a window";
        if (is_clock(include) || include == "thread") return "a view has no clock";
        if (is_imgui(include) && !begins(file, "views/canvas/imgui_"))
            return "only the ImGui canvas knows Dear ImGui";
        if (is_cairo(include) && !begins(file, "views/canvas/cairo_"))
            return "only the cairo canvas knows cairo";
        if (begins(include, "core/") &&
            !any_begins(include,
                        {"core/config.h", "core/known_shapes.h", "core/attention_cost.h",
                         "core/shape_cost.h", "core/dense_shape.h", "core/tensor.h", "core/real.h",
                         "core/error.h", "core/graph/", "core/model/model.h", "core/run/",
                         "core/text/", "core/ops/rope.h"}))
            return "views see core's config, graph and run only";
        if (include == "core/run/runner.h") return "views do not run the model";
    }
    return "";
}

std::vector<std::string> includes(const fs::path& file) {
    std::vector<std::string> found;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const auto hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line.compare(hash, 1, "#") != 0) continue;
        const auto word = line.find("include", hash);
        const auto open = line.find_first_of("<\"", hash);
        if (word == std::string::npos || open == std::string::npos || word > open) continue;
        const auto close = line.find_first_of(">\"", open + 1);
        if (close != std::string::npos) found.push_back(line.substr(open + 1, close - open - 1));
    }
    return found;
}

TEST(Layers, NoFileIncludesWhatItsFolderMayNotKnow) {
    const fs::path root = SF_SOURCE_DIR;
    int files = 0, read = 0;
    for (const char* const folder : {"core", "views", "app"})
        for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
            const auto extension = entry.path().extension();
            if (extension != ".cpp" && extension != ".h") continue;
            ++files;
            const std::string file = fs::relative(entry.path(), root).generic_string();
            for (const std::string& include : includes(entry.path())) {
                ++read;
                EXPECT_EQ(refusal(file, include), "") << file << " includes " << include;
            }
        }
    // The walk found the tree.
    EXPECT_GT(files, 50);
    EXPECT_GT(read, 200);
}

TEST(Layers, TheRulesCatchWhatTheyAreFor) {
    EXPECT_NE(refusal("core/run/trace.cpp", "views/view.h"), "");
    EXPECT_NE(refusal("core/run/trace.cpp", "imgui.h"), "");
    EXPECT_NE(refusal("core/run/trace.cpp", "cairo.h"), "");
    EXPECT_NE(refusal("core/run/trace.cpp", "GLFW/glfw3.h"), "");
    EXPECT_NE(refusal("core/run/trace.cpp", "epoxy/gl.h"), "");
    EXPECT_EQ(refusal("core/gl/gl_backend.cpp", "epoxy/gl.h"), "");
    EXPECT_NE(refusal("core/gl/gl_backend.cpp", "GLFW/glfw3.h"), "");
    EXPECT_NE(refusal("core/gl/gl_backend.cpp", "core/engine/engine.h"), "");
    EXPECT_NE(refusal("core/backend/executor.cpp", "core/gl/gl_kernels.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "core/gl/gl_kernels.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "epoxy/gl.h"), "");
    EXPECT_EQ(refusal("app/window.cpp", "core/gl/egl_context.h"), "");
    EXPECT_NE(refusal("core/gl/gl_backend.cpp", "app/window.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "core/engine/engine.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "core/run/runner.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "core/io/checkpoint.h"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "chrono"), "");
    EXPECT_NE(refusal("views/map_view.cpp", "imgui.h"), "");
    EXPECT_EQ(refusal("views/canvas/imgui_canvas.cpp", "imgui.h"), "");
    EXPECT_NE(refusal("views/canvas/svg_canvas.cpp", "cairo.h"), "");
    EXPECT_EQ(refusal("views/map_view.cpp", "core/run/trace.h"), "");
    EXPECT_NE(refusal("app/cli.cpp", "tests/support/process.h"), "");
}

}  // namespace
