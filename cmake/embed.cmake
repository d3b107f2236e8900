# sf_embed(target NAME file...): compiles the files into `target`; its sources see them as
#   #include "embedded_NAME.h"   ->   std::span<const sf::EmbeddedFile> sf::embedded_NAME();
if(NOT TARGET sf_embed_tool)
  add_executable(sf_embed_tool ${CMAKE_CURRENT_LIST_DIR}/embed.cpp)
endif()

function(sf_embed target name)
  set(dir ${CMAKE_BINARY_DIR}/embedded)
  file(MAKE_DIRECTORY ${dir})
  file(CONFIGURE OUTPUT ${dir}/embedded_${name}.h CONTENT
    "#pragma once\n#include \"cmake/embedded_file.h\"\nnamespace sf {\nstd::span<const EmbeddedFile> embedded_${name}();\n}\n")
  add_custom_command(OUTPUT ${dir}/embedded_${name}.cpp
    COMMAND sf_embed_tool ${dir}/embedded_${name}.cpp embedded_${name} ${ARGN}
    DEPENDS sf_embed_tool ${ARGN} VERBATIM COMMENT "Embedding ${name}")
  target_sources(${target} PRIVATE ${dir}/embedded_${name}.cpp)
  target_include_directories(${target} PRIVATE ${dir})
endfunction()
