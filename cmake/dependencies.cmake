# Libraries, each behind one interface target, whoever supplies it: Debian (pkg-config), vcpkg
# (CMake's configuration files) or a plain prefix.
#   sf_cairo  sf_freetype  sf_png  sf_epoxy  sf_glfw  sf_imgui  sf_cli11  sf_pcre2
#   nlohmann_json::nlohmann_json  Eigen3::Eigen
find_package(Threads REQUIRED)
find_package(PkgConfig QUIET)
find_package(nlohmann_json 3.9 REQUIRED)
find_package(Eigen3 3.3 REQUIRED NO_MODULE)  # singular values; the benchmarks' yardstick

# Warnings of other people's headers are not ours: all of these are SYSTEM.
function(sf_library name header pkg)
  cmake_parse_arguments(ARG "" "LIB;HINT" "PACKAGES;TARGETS" ${ARGN})
  add_library(${name} INTERFACE)
  foreach(package ${ARG_PACKAGES})
    find_package(${package} CONFIG QUIET)
  endforeach()
  foreach(target ${ARG_TARGETS})
    if(TARGET ${target})
      target_link_libraries(${name} INTERFACE ${target})
      return()
    endif()
  endforeach()
  if(PKG_CONFIG_FOUND)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET ${pkg})
    if(TARGET PkgConfig::${name})
      target_link_libraries(${name} INTERFACE PkgConfig::${name})
      return()
    endif()
  endif()
  find_path(${name}_INCLUDE ${header} PATH_SUFFIXES cairo freetype2 imgui)
  find_library(${name}_LIBRARY ${ARG_LIB})
  if(NOT ${name}_INCLUDE OR NOT ${name}_LIBRARY)
    message(FATAL_ERROR "${pkg} (${header}) was not found; on Debian: apt install ${ARG_HINT}, "
                        "elsewhere vcpkg.json lists it")
  endif()
  target_include_directories(${name} SYSTEM INTERFACE ${${name}_INCLUDE})
  target_link_libraries(${name} INTERFACE ${${name}_LIBRARY})
endfunction()

sf_library(sf_cairo cairo.h cairo LIB cairo HINT libcairo2-dev
  PACKAGES unofficial-cairo TARGETS unofficial::cairo::cairo)
sf_library(sf_freetype ft2build.h freetype2 LIB freetype HINT libfreetype-dev
  PACKAGES freetype TARGETS freetype Freetype::Freetype)
sf_library(sf_png png.h libpng LIB png HINT libpng-dev PACKAGES PNG TARGETS PNG::PNG)
sf_library(sf_epoxy epoxy/gl.h epoxy LIB epoxy HINT libepoxy-dev)
sf_library(sf_glfw GLFW/glfw3.h glfw3 LIB glfw HINT libglfw3-dev PACKAGES glfw3 TARGETS glfw)
sf_library(sf_imgui imgui.h imgui LIB imgui HINT libimgui-dev PACKAGES imgui TARGETS imgui::imgui)
sf_library(sf_pcre2 pcre2.h libpcre2-8 LIB pcre2-8 HINT libpcre2-dev
  PACKAGES PCRE2 TARGETS PCRE2::8BIT)
sf_library(sf_cli11 CLI/CLI.hpp CLI11 LIB CLI11 HINT libcli11-dev PACKAGES CLI11
  TARGETS CLI11::CLI11)
# Debian's libimgui.a holds the GLFW and OpenGL3 backends and FreeType's rasteriser, and does not
# say so in imgui.pc; vcpkg puts the backends' headers beside imgui.h.
if(NOT TARGET imgui::imgui)
  find_path(SF_IMGUI_BACKENDS imgui_impl_opengl3.h
    HINTS ${sf_imgui_INCLUDE_DIRS} ${sf_imgui_INCLUDE} PATH_SUFFIXES backends imgui/backends REQUIRED)
  target_include_directories(sf_imgui SYSTEM INTERFACE ${SF_IMGUI_BACKENDS})
endif()
target_link_libraries(sf_imgui INTERFACE sf_glfw sf_freetype ${CMAKE_DL_LIBS})
find_package(OpenGL QUIET COMPONENTS OpenGL)
if(TARGET OpenGL::OpenGL)
  target_link_libraries(sf_imgui INTERFACE OpenGL::OpenGL)
elseif(TARGET OpenGL::GL)
  target_link_libraries(sf_imgui INTERFACE OpenGL::GL)
endif()
