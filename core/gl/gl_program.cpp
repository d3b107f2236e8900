#include "core/gl/gl_program.h"

#include "core/error.h"
#include "embedded_shaders.h"

#include <epoxy/gl.h>
#include <algorithm>
#include <cctype>
#include <string>

namespace sf {

namespace {

constexpr const char* common = "memory.glsl";

std::string_view text_of(std::string_view file) {
    const std::string_view text = find_embedded(embedded_shaders(), file);
    if (text.empty()) throw DeviceError(std::string(file) + " is not among the program's shaders");
    return text;
}

// Compilers name lines by number alone (Mesa forgets #line's number of the text on the way): ours
// are the file's, the common part's start above.
constexpr int common_line = 10000;

std::string whole_text(const GlSource& source, std::string_view text) {
    std::string all = "#version 430\n";
    for (const std::string& define : source.defines) all += "#define " + define + "\n";
    all += "#line " + std::to_string(common_line + 1) + "\n";
    all += text_of(common);
    all += "\n#line 1\n";
    all += text;
    return all;
}

// Drivers say "0:41(5): error: ..." (Mesa), "0(41) : error ..." (NVIDIA) or "ERROR: 0:41: ...":
// the line is the number after the first digit with one of these signs behind it. The first error
// alone is told.
std::string with_place(const std::string& file, std::string log) {
    while (!log.empty() && std::isspace(static_cast<unsigned char>(log.back()))) log.pop_back();
    const auto digit = [&](std::size_t i) {
        return i < log.size() && std::isdigit(static_cast<unsigned char>(log[i]));
    };
    for (std::size_t i = 0; i + 2 < log.size(); ++i) {
        if (!digit(i) || (log[i + 1] != ':' && log[i + 1] != '(') || !digit(i + 2)) continue;
        const int line = std::stoi(log.substr(i + 2, 6));
        auto message = std::min(log.find(": ", i + 2), log.size() - 2) + 2;
        if (log.compare(message, 7, "error: ") == 0) message += 7;
        return (line > common_line ? common + (":" + std::to_string(line - common_line))
                                   : file + ":" + std::to_string(line)) +
               ": " + log.substr(message, log.find('\n', message) - message);
    }
    return file + ": " + (log.empty() ? "the driver does not say why" : log);
}

}  // namespace

GlProgram::GlProgram(const GlSource& source) : GlProgram(source, text_of(source.file)) {}

GlProgram::GlProgram(const GlSource& source, std::string_view text) {
    const std::string all = whole_text(source, text);
    const char* begin = all.c_str();
    const GLuint shader = glCreateShader(GL_COMPUTE_SHADER);
    glShaderSource(shader, 1, &begin, nullptr);
    glCompileShader(shader);
    id_ = glCreateProgram();
    glAttachShader(id_, shader);
    std::string log(8192, '\0');
    GLsizei length = 0;
    GLint good = 0;
    glGetShaderiv(shader, GL_COMPILE_STATUS, &good);
    if (good) {
        glLinkProgram(id_);
        glGetProgramiv(id_, GL_LINK_STATUS, &good);
        if (!good) glGetProgramInfoLog(id_, static_cast<GLsizei>(log.size()), &length, log.data());
    } else {
        glGetShaderInfoLog(shader, static_cast<GLsizei>(log.size()), &length, log.data());
    }
    glDeleteShader(shader);
    if (!good) {
        glDeleteProgram(id_);
        log.resize(static_cast<std::size_t>(length));
        throw DeviceError(with_place(source.file, std::move(log)));
    }
    GLint local[3];
    glGetProgramiv(id_, GL_COMPUTE_WORK_GROUP_SIZE, local);
    local_ = {local[0], local[1], local[2]};
}

GlProgram::~GlProgram() {
    glDeleteProgram(id_);
}

int GlProgram::location(const char* uniform) {
    auto it = locations_.find(uniform);
    if (it == locations_.end())
        it = locations_.emplace(uniform, glGetUniformLocation(id_, uniform)).first;
    return it->second;
}
void GlProgram::set(const char* uniform, std::int64_t value) {
    glProgramUniform1i(id_, location(uniform), static_cast<GLint>(value));
}
void GlProgram::set(const char* uniform, float value) {
    glProgramUniform1f(id_, location(uniform), value);
}

}  // namespace sf
