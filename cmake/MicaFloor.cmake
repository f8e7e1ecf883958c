# SPDX-License-Identifier: Apache-2.0
# One static library per folder, linked only to the floors below.
#   mica_floor(layers SOURCES tar_read.c ... BELOW base LINK PkgConfig::ARCHIVE)
#   mica_tests(layers apply diff ...)          -> tests/unit/test_apply.c ...
#   mica_fuzz(layers apply ...)                -> tests/fuzz/fuzz_apply.c and tests/fuzz/corpus/apply/

add_library(mica_flags INTERFACE)
target_compile_features(mica_flags INTERFACE c_std_17)
target_compile_definitions(mica_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
target_include_directories(mica_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(mica_flags INTERFACE
	-std=gnu17 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
	-Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2 -Wcast-qual -Wimplicit-fallthrough -Wdate-time
	-fno-strict-aliasing -fstack-protector-strong -fno-common
	$<$<C_COMPILER_ID:GNU>:-Wlogical-op>
	$<$<C_COMPILER_ID:GNU>:-Wduplicated-cond>
	$<$<C_COMPILER_ID:GNU>:-Wduplicated-branches>
	-include ${CMAKE_SOURCE_DIR}/base/banned.h
	$<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
target_link_options(mica_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
if(MICA_WERROR)
	target_compile_options(mica_flags INTERFACE -Werror)
endif()
if(MICA_SANITIZE)
	# At a fixed address and with the sanitizers' own code inside: tests start thousands of these programs, and relocating the
	# descriptions of all checks was a third of a short one's time.
	target_compile_options(mica_flags INTERFACE -fsanitize=${MICA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -fno-pie)
	target_link_options(mica_flags INTERFACE -fsanitize=${MICA_SANITIZE} -no-pie $<$<C_COMPILER_ID:GNU>:-static-libasan>
		$<$<C_COMPILER_ID:GNU>:-static-libubsan>)
endif()
if(MICA_FUZZ)
	target_compile_options(mica_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

function(mica_floor name)
	cmake_parse_arguments(F "" "" "SOURCES;BELOW;LINK" ${ARGN})
	add_library(mica_${name} STATIC ${F_SOURCES})
	target_link_libraries(mica_${name} PUBLIC mica_flags PRIVATE ${F_LINK})
	foreach(below ${F_BELOW})
		target_link_libraries(mica_${name} PUBLIC mica_${below})
	endforeach()
endfunction()

function(mica_tests floor)
	if(NOT MICA_TESTS)
		return()
	endif()
	foreach(t ${ARGN})
		add_executable(test_${t} ${CMAKE_SOURCE_DIR}/tests/unit/test_${t}.c)
		target_link_libraries(test_${t} PRIVATE mica_${floor} PkgConfig::CMOCKA)
		add_test(NAME unit.${t} COMMAND test_${t} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
		set_tests_properties(unit.${t} PROPERTIES TIMEOUT 120 LABELS unit SKIP_RETURN_CODE 77)
	endforeach()
endfunction()

# With libFuzzer when MICA_FUZZ, else with a main that replays the corpus as a test.
function(mica_fuzz floor)
	if(NOT MICA_TESTS)
		return()
	endif()
	foreach(t ${ARGN})
		set(src ${CMAKE_SOURCE_DIR}/tests/fuzz/fuzz_${t}.c)
		if(MICA_FUZZ)
			add_executable(fuzz_${t} ${src})
			target_link_options(fuzz_${t} PRIVATE -fsanitize=fuzzer)
		else()
			add_executable(fuzz_${t} ${src} ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.c)
			add_test(NAME fuzz.${t} COMMAND fuzz_${t} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${t})
			set_tests_properties(fuzz.${t} PROPERTIES TIMEOUT 120 LABELS fuzz)
		endif()
		target_link_libraries(fuzz_${t} PRIVATE mica_${floor})
	endforeach()
endfunction()
