# Builds duel/tensor/cpu/simd/*.cpp once per instruction set and adds the objects to `target`.
function(duel_add_simd target)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/duel/tensor/cpu/simd/*.cpp)
  # Beside the address sanitizer's checks g++ makes these two on every access to a packet of a register tile and takes
  # five times as long. A null pointer still ends the program, and so does a streaming store that is not aligned. A
  # property of the sources, because a target's own options come before those it links, -fsanitize among them.
  if(DUEL_SANITIZE MATCHES "undefined")
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS -fno-sanitize=null,alignment)
  endif()
  set(sets baseline)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND sets avx2 avx512)
    target_compile_definitions(${target} PRIVATE DUEL_SIMD_X86)
  endif()
  set(flags_baseline "")
  set(flags_avx2 -mavx2 -mfma)
  set(flags_avx512 -mavx512f -mavx512dq -mavx512vl -mavx512bw -mavx2 -mfma -mprefer-vector-width=512)
  foreach(set IN LISTS sets)
    add_library(duel_simd_${set} OBJECT ${sources})
    target_link_libraries(duel_simd_${set} PRIVATE duel_compile_options Eigen3::Eigen)
    target_include_directories(duel_simd_${set} PRIVATE ${PROJECT_SOURCE_DIR})
    # Only what the loops need of fast arithmetic: no errno, no traps. Infinities and NaNs stay what they are.
    target_compile_options(duel_simd_${set} PRIVATE ${flags_${set}} -fno-math-errno -fno-trapping-math)
    # And no contraction into fused multiply-adds but where the source says so: the compiler may choose differently for
    # a vector and for the elements left over, and an element's bits must not depend on its place.
    target_compile_options(duel_simd_${set} PRIVATE -ffp-contract=off)
    # Optimised less, std::exp(float) and the like would be shared functions, which the linker takes from any set.
    target_compile_options(duel_simd_${set} PRIVATE $<$<NOT:$<CONFIG:Release>>:-O2>)
    target_compile_definitions(duel_simd_${set} PRIVATE DUEL_SIMD_NAMESPACE=simd_${set} Eigen=Eigen_${set})
    set_target_properties(duel_simd_${set} PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:duel_simd_${set}>)
  endforeach()
endfunction()
