# SPDX-License-Identifier: Apache-2.0
# assay_module(<path> [PURE] [INTEGER_ONLY] [THREADS] [USES <path>...] [VENDOR <target>...] [ALLOW <regex>])
#
#   <path>        folder under src/; its last part N names the one public header, N.h
#   PURE          no clock, heap, file, thread or writable global: read off the built archive by tools/check_pure.sh
#   INTEGER_ONLY  a float or double is a compile error (gcc's -mgeneral-regs-only)
#   THREADS       its tests run under the thread sanitizer too (ctest label: threads)
#   USES          modules this one may include; each stands ABOVE it in src/CMakeLists.txt
#   VENDOR        libraries from outside that only this module sees
#   ALLOW         for PURE: further symbols it may call, as one regular expression
#
# assay_app(<name> USES <path>...)    a program: apps/<name>/*.c, the only places with a main()
#
# Beside `all`: the targets fuzzers, benches and thread_tests, each all of its kind.
include_guard()

add_custom_target(fuzzers)
add_custom_target(benches)
add_custom_target(thread_tests)

set(ASSAY_WARNINGS -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wcast-qual -Wvla
    -Wconversion -Wno-sign-conversion -Wswitch-enum -Werror)
set(ASSAY_FLAGS -ffp-contract=off -fno-strict-aliasing -fstack-protector-strong)
if(ASSAY_SANITIZE)
  string(REPLACE ";" "," ASSAY_SANITIZE_LIST "${ASSAY_SANITIZE}")
  list(APPEND ASSAY_FLAGS -fsanitize=${ASSAY_SANITIZE_LIST} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ASSAY_SANITIZE_LIST})
endif()
if(ASSAY_FUZZ)
  list(APPEND ASSAY_FLAGS -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# What a target that uses modules sees: their headers, and nothing else of src/.
function(assay_link target)
  foreach(dep IN LISTS ARGN)
    string(REPLACE "/" "_" dep_id ${dep})
    if(NOT TARGET assay_${dep_id})
      message(FATAL_ERROR "${target} uses ${dep}, which is not above it in src/CMakeLists.txt")
    endif()
    target_link_libraries(${target} PRIVATE assay_${dep_id})
  endforeach()
  target_compile_options(${target} PRIVATE ${ASSAY_WARNINGS} ${ASSAY_FLAGS})
endfunction()

function(assay_module path)
  cmake_parse_arguments(M "PURE;INTEGER_ONLY;THREADS" "ALLOW" "USES;VENDOR" ${ARGN})
  if(M_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${path}: unknown words: ${M_UNPARSED_ARGUMENTS}")
  endif()
  get_filename_component(name ${path} NAME)
  string(REPLACE "/" "_" id ${path})
  set(dir ${CMAKE_CURRENT_SOURCE_DIR}/${path})

  # 1. Direction: a line names only lines above it, so a cycle cannot be written down.
  foreach(dep IN LISTS M_USES)
    string(REPLACE "/" "_" dep_id ${dep})
    if(NOT TARGET assay_${dep_id})
      message(FATAL_ERROR "${path} uses ${dep}, which is not above it in src/CMakeLists.txt")
    endif()
    get_target_property(dep_pure assay_${dep_id} ASSAY_PURE)
    if(M_PURE AND NOT dep_pure)
      message(FATAL_ERROR "${path} is PURE but uses ${dep}, which is not")
    endif()
  endforeach()

  # 2. One public header per folder; everything else is *_internal.h.
  if(NOT EXISTS ${dir}/${name}.h)
    message(FATAL_ERROR "${path}: missing public header ${name}.h")
  endif()
  file(GLOB headers RELATIVE ${dir} CONFIGURE_DEPENDS ${dir}/*.h)
  foreach(h IN LISTS headers)
    if(NOT h STREQUAL "${name}.h" AND NOT h MATCHES "_internal\\.h$")
      message(FATAL_ERROR "${path}/${h}: a second public header; rename it *_internal.h")
    endif()
  endforeach()

  # 3. Visibility: src/ is on nobody's include path. A module exports one forwarding header from a root of its own,
  #    so "x/x.h" exists for a compiler only where the module is linked.
  set(view ${CMAKE_BINARY_DIR}/view/${id})
  file(GENERATE OUTPUT ${view}/${path}/${name}.h CONTENT "#include \"${dir}/${name}.h\"\n")

  # 4. The header compiles alone, and twice.
  file(GENERATE OUTPUT ${view}/alone_${id}.c
       CONTENT "#include \"${path}/${name}.h\"\n#include \"${path}/${name}.h\"\ntypedef int assay_alone_${id};\n")

  file(GLOB sources CONFIGURE_DEPENDS ${dir}/*.c ${dir}/kernels/*.c)
  add_library(assay_${id} STATIC ${sources} ${view}/alone_${id}.c)
  target_include_directories(assay_${id} PUBLIC ${view})
  target_compile_options(assay_${id} PRIVATE ${ASSAY_WARNINGS} ${ASSAY_FLAGS})
  if(M_INTEGER_ONLY AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND NOT ASSAY_SANITIZE)
    target_compile_options(assay_${id} PRIVATE -mgeneral-regs-only)
  endif()
  set_target_properties(assay_${id} PROPERTIES ASSAY_PURE ${M_PURE})
  assay_link(assay_${id} ${M_USES})
  target_link_libraries(assay_${id} PRIVATE ${M_VENDOR})

  # 5. Purity is read off the archive, not promised in a comment.
  if(M_PURE AND NOT ASSAY_SANITIZE AND NOT ASSAY_FUZZ)
    add_test(NAME pure_${id} COMMAND ${CMAKE_SOURCE_DIR}/tools/check_pure.sh $<TARGET_FILE:assay_${id}> ${M_ALLOW})
    set_tests_properties(pure_${id} PROPERTIES LABELS purity)
  endif()

  # 6. Tests, fuzzers and benches beside the source, linked with nothing that the module did not declare
  #    (tests and benches may read and write files: they get libc, cmocka and jansson for vectors).
  file(GLOB tests CONFIGURE_DEPENDS ${dir}/test/test_*.c)
  foreach(t IN LISTS tests)
    get_filename_component(tn ${t} NAME_WE)
    add_executable(${tn} ${t})
    assay_link(${tn} ${path} ${M_USES})
    target_link_libraries(${tn} PRIVATE cmocka jansson ${M_VENDOR})
    target_compile_definitions(${tn} PRIVATE ASSAY_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
    add_test(NAME ${tn} COMMAND ${tn})
    if(M_THREADS)
      set_tests_properties(${tn} PROPERTIES LABELS threads)
      add_dependencies(thread_tests ${tn})
    endif()
  endforeach()
  file(GLOB fuzzers CONFIGURE_DEPENDS ${dir}/test/fuzz_*.c)
  foreach(f IN LISTS fuzzers)
    get_filename_component(fn ${f} NAME_WE)
    add_executable(${fn} ${f})
    assay_link(${fn} ${path} ${M_USES})
    target_link_libraries(${fn} PRIVATE ${M_VENDOR})
    set_target_properties(${fn} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzzers)
    add_dependencies(fuzzers ${fn})
    if(ASSAY_FUZZ)
      target_link_options(${fn} PRIVATE -fsanitize=fuzzer)
    else()
      target_sources(${fn} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz/replay.c)
      add_test(NAME ${fn} COMMAND ${fn} ${CMAKE_SOURCE_DIR}/fuzz/corpus/${fn})
    endif()
  endforeach()
  file(GLOB benches CONFIGURE_DEPENDS ${dir}/test/bench_*.c)
  foreach(b IN LISTS benches)
    get_filename_component(bn ${b} NAME_WE)
    add_executable(${bn} ${b})
    assay_link(${bn} ${path} ${M_USES})
    target_link_libraries(${bn} PRIVATE ${M_VENDOR})
    set_target_properties(${bn} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/benches)
    add_dependencies(benches ${bn})
  endforeach()
endfunction()

function(assay_app name)
  cmake_parse_arguments(A "" "" "USES;VENDOR" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/apps/${name}/*.c)
  add_executable(${name} ${sources})
  assay_link(${name} ${A_USES})
  target_link_libraries(${name} PRIVATE ${A_VENDOR})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${ASSAY_PROGRAMS_DIR})
endfunction()
