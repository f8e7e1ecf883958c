# SPDX-License-Identifier: Apache-2.0
# Text as a C string: one literal a line.
{
	gsub(/\\/, "&&")
	gsub(/"/, "\\\"")
	print "\"" $0 "\\n\""
}
