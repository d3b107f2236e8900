#include "app/version.h"

#include "sf_commit.h"

#include <GLFW/glfw3.h>
#include <cairo.h>
#include <ft2build.h>
#include <imgui.h>
#include <png.h>
#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>
#include FT_FREETYPE_H

namespace sf {

namespace {

std::string numbers(int major, int minor, int patch) {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

}  // namespace

std::string version_text() {
    int major = 0, minor = 0, patch = 0;
    std::string text = "stepformer " SF_VERSION " (commit " SF_COMMIT ")\n";
    text += std::string("Dear ImGui ") + IMGUI_VERSION + "\n";
    glfwGetVersion(&major, &minor, &patch);
    text += "GLFW " + numbers(major, minor, patch) + "\n";
    text += std::string("cairo ") + cairo_version_string() + "\n";
    FT_Library library = nullptr;
    if (FT_Init_FreeType(&library) == 0) {
        FT_Library_Version(library, &major, &minor, &patch);
        text += "FreeType " + numbers(major, minor, patch) + "\n";
        FT_Done_FreeType(library);
    }
    text += std::string("libpng ") + png_get_libpng_ver(nullptr) + "\n";
    text += "nlohmann json " +
            numbers(NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                    NLOHMANN_JSON_VERSION_PATCH) +
            "\n";
    text += std::string("CLI11 ") + CLI11_VERSION + "\n";
    return text;
}

}  // namespace sf
