/* SPDX-License-Identifier: Apache-2.0 */
/* The specifications that are followed; MICA_VERSION comes from the build. */
#pragma once

#define IMAGE_SPEC_VERSION "1.1.1"
#define RUNTIME_SPEC_VERSION "1.2.0"
#define DISTRIBUTION_SPEC_VERSION "1.1.1"
