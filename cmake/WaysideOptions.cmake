# Warnings, sanitizers, linker and reproducible paths for every target.
set(WAYSIDE_SANITIZE "" CACHE STRING "address;undefined or thread")
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
                    -Woverloaded-virtual -Werror -fno-omit-frame-pointer
                    -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 sees dangling and uninitialised memory in std::variant and std::string where there is none.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict)
endif()
if(WAYSIDE_SANITIZE)
  list(JOIN WAYSIDE_SANITIZE "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${sanitizers})
endif()
find_program(WAYSIDE_MOLD mold)
if(WAYSIDE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(WAYSIDE_CCACHE ccache)
if(WAYSIDE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${WAYSIDE_CCACHE})
endif()
