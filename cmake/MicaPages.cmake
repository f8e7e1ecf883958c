# SPDX-License-Identifier: Apache-2.0
# The manual pages as everybody uses them: man/*.scd with each "%include FILE" line replaced by man/FILE, in the build folder. Sets
# MICA_PAGES (files), MICA_PAGES_AWK and MICA_AWK.
set(page_names
	mica
	mica-add
	mica-build
	mica-cache
	mica-cache-export
	mica-cache-import
	mica-cache-limit
	mica-cache-ls
	mica-cache-rm
	mica-commit
	mica-completion
	mica-config
	mica-containers
	mica-copy
	mica-delete-image
	mica-diff
	mica-du
	mica-exists
	mica-export
	mica-from
	mica-fsck
	mica-history
	mica-images
	mica-import
	mica-info
	mica-inspect
	mica-list-tags
	mica-load
	mica-login
	mica-logout
	mica-manifest
	mica-manifest-add
	mica-manifest-annotate
	mica-manifest-create
	mica-manifest-exists
	mica-manifest-inspect
	mica-manifest-push
	mica-manifest-remove
	mica-manifest-rm
	mica-mount
	mica-passwd
	mica-prune
	mica-pull
	mica-push
	mica-referrers
	mica-registry
	mica-registry-check
	mica-rename
	mica-rm
	mica-rmi
	mica-run
	mica-save
	mica-tag
	mica-tree
	mica-umount
	mica-unshare
	mica-untag
	mica-version)
set(MICA_PAGES_AWK ${CMAKE_SOURCE_DIR}/cmake/pages.awk)
find_program(MICA_AWK NAMES awk mawk gawk REQUIRED)

set(MICA_PAGES)
foreach(name ${page_names})
	set(source ${CMAKE_SOURCE_DIR}/man/${name}.1.scd)
	if(NOT EXISTS ${source})
		continue()
	endif()
	set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
	file(READ ${source} text)
	while("${text}" MATCHES "(^|\n)%include ([a-z-]+\\.inc)\n")
		set(part ${CMAKE_SOURCE_DIR}/man/${CMAKE_MATCH_2})
		set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${part})
		file(READ ${part} part_text)
		string(REPLACE "%include ${CMAKE_MATCH_2}\n" "${part_text}" text "${text}")
	endwhile()
	set(page ${CMAKE_BINARY_DIR}/man/${name}.1.scd)
	set(old "")
	if(EXISTS ${page})
		file(READ ${page} old)
	endif()
	if(NOT "${old}" STREQUAL "${text}")
		file(WRITE ${page} "${text}")
	endif()
	list(APPEND MICA_PAGES ${page})
endforeach()
