# SPDX-License-Identifier: Apache-2.0
# Builds src/crypto/rust once for all build folders (build/cargo; cargo locks it) and gives each its own copy of the
# archive, as the imported target assay_crypto_rs.
find_program(ASSAY_CARGO cargo HINTS $ENV{CARGO_HOME}/bin $ENV{HOME}/.cargo/bin /usr/lib/rust-web/bin)
if(NOT ASSAY_CARGO)
  message(FATAL_ERROR "cargo was not found: src/crypto needs Rust 1.88 or newer. Run tools/setup, or install Debian's "
                      "cargo-web and rustc-web, or set -DASSAY_CARGO=/path/to/cargo.")
endif()

block()
set(crate ${CMAKE_CURRENT_LIST_DIR}/rust)
file(GLOB crate_sources CONFIGURE_DEPENDS ${crate}/src/*.rs)
set(built ${CMAKE_SOURCE_DIR}/build/cargo/release/libassay_crypto_rs.a)
set(archive ${CMAKE_BINARY_DIR}/rust/libassay_crypto_rs.a)
add_custom_command(
  OUTPUT ${archive}
  COMMAND ${ASSAY_CARGO} build --quiet --release --locked --manifest-path ${crate}/Cargo.toml
          --target-dir ${CMAKE_SOURCE_DIR}/build/cargo
  COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/rust
  COMMAND ${CMAKE_COMMAND} -E copy ${built} ${archive}
  DEPENDS ${crate_sources} ${crate}/Cargo.toml ${crate}/Cargo.lock
  WORKING_DIRECTORY ${crate}
  COMMENT "cargo build: src/crypto/rust"
  VERBATIM)
add_custom_target(assay_crypto_rs_build DEPENDS ${archive})

# no_std: it needs nothing of the system but libc's memory functions.
add_library(assay_crypto_rs STATIC IMPORTED GLOBAL)
set_target_properties(assay_crypto_rs PROPERTIES IMPORTED_LOCATION ${archive})
add_dependencies(assay_crypto_rs assay_crypto_rs_build)

# The module's own purity test stops at the archive's door; this one goes through it.
add_test(NAME pure_crypto_rs COMMAND ${CMAKE_CURRENT_LIST_DIR}/test/check_rust.sh ${archive} ${CMAKE_C_COMPILER})
set_tests_properties(pure_crypto_rs PROPERTIES LABELS purity)

# Constant time under valgrind, where there is one; a sanitizer and valgrind exclude each other.
find_program(ASSAY_VALGRIND valgrind)
if(ASSAY_VALGRIND AND NOT ASSAY_SANITIZE AND NOT ASSAY_FUZZ)
  add_test(NAME ct_crypto
           COMMAND ${CMAKE_CURRENT_LIST_DIR}/test/check_ct.sh ${ASSAY_VALGRIND} $<TARGET_FILE:test_crypto_ct>)
endif()
endblock()
