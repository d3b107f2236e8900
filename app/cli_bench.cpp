#include "app/cli_arguments.h"
#include "app/shipped_model.h"
#include "tests/bench/bench.h"

namespace sf::cli {

int bench(const BenchArguments& arguments) {
    return run_benchmarks(arguments.json, arguments.quick, shipped_model());
}

}  // namespace sf::cli
