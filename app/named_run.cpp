#include "app/named_run.h"

#include "core/error.h"
#include "core/io/model_folder.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>

namespace sf {

namespace fs = std::filesystem;

std::string standard_run_name(const std::string& folder) {
    const fs::path path = fs::path(folder).lexically_normal();
    std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
    for (char& c : name)
        if (c == ' ' || c == '=') c = '-';
    return name.empty() || name == "." || name == ".." ? "run" : name;
}

void check_run_name(const std::string& source, const std::string& name, bool taken) {
    if (name.empty()) throw UserError(source, "", "a run needs a name");
    if (name.find_first_of(" =\t\n") != std::string::npos)
        throw UserError(source, "", "a run's name has no space and no '=': '" + name + "'");
    if (taken)
        throw UserError(source, "", "there is a run '" + name + "' already, give another name");
}

NamedRun load_run(const std::string& folder, const std::string& name) {
    const ModelPtr model = load_model(folder);
    return {name, model, model->history};
}

Need loaded_run(const std::string& folder, const std::string& name, std::uint64_t attempt) {
    return {{"run " + name + " of " + folder + ", " + std::to_string(attempt), nullptr},
            [folder, name](const Progress&) -> DerivedPtr {
                auto loaded = std::make_shared<LoadedRun>();
                loaded->run = load_run(folder, name);
                return loaded;
            }};
}

Need saved_run(const NamedRun& run, const std::string& folder, std::uint64_t attempt) {
    return {{"save run " + run.name + " to " + folder + ", " + std::to_string(attempt), nullptr},
            [run, folder](const Progress&) -> DerivedPtr {
                save_model(folder, *run.model);
                auto model = std::make_shared<Model>(*run.model);
                model->folder = folder;
                auto saved = std::make_shared<LoadedRun>();
                saved->run = {run.name, model, run.history};
                return saved;
            }};
}

std::vector<NamedRun> compared_runs(const std::vector<std::string>& arguments) {
    std::vector<NamedRun> runs;
    for (const std::string& argument : arguments) {
        std::error_code error;
        const auto equals = argument.rfind('=');
        // A folder's own name may have a '='.
        const bool named = equals != std::string::npos && !fs::is_directory(argument, error);
        const std::string folder = named ? argument.substr(0, equals) : argument;
        if (folder.empty()) throw UserError("--compare", "", "needs the folder of a run");
        const std::string name = named ? argument.substr(equals + 1) : standard_run_name(folder);
        check_run_name("--compare", name,
                       std::any_of(runs.begin(), runs.end(),
                                   [&](const NamedRun& run) { return run.name == name; }));
        try {
            runs.push_back(load_run(folder, name));
        } catch (const UserError& why) {
            throw UserError(std::string("--compare: ") + why.what());
        }
    }
    return runs;
}

}  // namespace sf
