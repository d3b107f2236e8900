# sf_commit.h: the commit that was built. Made anew when HEAD's log grows (a commit, a checkout),
# so that nothing is rebuilt otherwise. Run with -P to write the file; included, it adds the rule.
if(CMAKE_SCRIPT_MODE_FILE)
  set(commit unknown)
  execute_process(COMMAND git -C ${SF_SOURCE_DIR} rev-parse --short=12 HEAD
    OUTPUT_VARIABLE found OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit ${found})
  endif()
  file(WRITE ${SF_COMMIT_HEADER} "#define SF_COMMIT \"${commit}\"\n")
  return()
endif()

set(SF_GENERATED ${CMAKE_BINARY_DIR}/generated)
set(SF_COMMIT_HEADER ${SF_GENERATED}/sf_commit.h)
# The folder may be a worktree, or no checkout at all.
execute_process(COMMAND git -C ${CMAKE_SOURCE_DIR} rev-parse --git-path logs/HEAD
  OUTPUT_VARIABLE SF_HEAD_LOG OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(SF_HEAD_LOG)
  get_filename_component(SF_HEAD_LOG ${SF_HEAD_LOG} ABSOLUTE BASE_DIR ${CMAKE_SOURCE_DIR})
endif()
if(NOT SF_HEAD_LOG OR NOT EXISTS ${SF_HEAD_LOG})
  set(SF_HEAD_LOG)
endif()
add_custom_command(OUTPUT ${SF_COMMIT_HEADER}
  COMMAND ${CMAKE_COMMAND} -DSF_SOURCE_DIR=${CMAKE_SOURCE_DIR}
    -DSF_COMMIT_HEADER=${SF_COMMIT_HEADER} -P ${CMAKE_CURRENT_LIST_FILE}
  DEPENDS ${SF_HEAD_LOG} ${CMAKE_CURRENT_LIST_FILE} VERBATIM COMMENT "The commit built")

# sf_commit(target): target's sources may include sf_commit.h and use SF_VERSION.
function(sf_commit target)
  target_sources(${target} PRIVATE ${SF_COMMIT_HEADER})
  target_include_directories(${target} PRIVATE ${SF_GENERATED})
  target_compile_definitions(${target} PRIVATE SF_VERSION="${PROJECT_VERSION}")
endfunction()
