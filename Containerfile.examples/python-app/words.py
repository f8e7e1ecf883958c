#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Counts the words of its standard input; those in $STOPWORDS do not count."""
import argparse
import collections
import os
import sys

parser = argparse.ArgumentParser()
parser.add_argument("--top", type=int, default=10)
args = parser.parse_args()

with open(os.environ["STOPWORDS"], encoding="utf-8") as f:
    stop = set(f.read().split())
words = collections.Counter(w for w in sys.stdin.read().lower().split() if w not in stop)
for word, n in words.most_common(args.top):
    print(n, word)
