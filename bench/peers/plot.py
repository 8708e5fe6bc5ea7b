# Part of jetc, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Speed-up against context length as an SVG."""

import math

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 50, 20, 40, 45


def speedUps(values, title):
    """A line through {tokens: times as fast}, tokens as powers of 2."""
    lengths = sorted(values)
    low, high = math.log2(lengths[0]), math.log2(lengths[-1])
    top = math.ceil(2 * max(values.values()) + 0.2) / 2

    def x(length):
        share = (math.log2(length) - low) / max(high - low, 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(value):
        return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
             f'height="{HEIGHT}" font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             f'<text x="{LEFT}" y="20">{title}</text>']

    def text(atX, atY, content, anchor="middle"):
        parts.append(f'<text x="{atX:.1f}" y="{atY:.1f}" '
                     f'text-anchor="{anchor}">{content}</text>')

    for half in range(int(2 * top) + 1):
        value = half / 2
        color = "black" if value == 1 else "lightgray"
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" '
                     f'y2="{y(value):.1f}" stroke="{color}"/>')
        text(LEFT - 8, y(value) + 4, f"{value:g}", "end")
    points = " ".join(f"{x(length):.1f},{y(values[length]):.1f}"
                      for length in lengths)
    parts.append(f'<polyline points="{points}" fill="none" stroke="steelblue" '
                 'stroke-width="2"/>')
    for length in lengths:
        parts.append(f'<circle cx="{x(length):.1f}" cy="{y(values[length]):.1f}" '
                     'r="3" fill="steelblue"/>')
        text(x(length), y(values[length]) - 9, f"{values[length]:.2f}")
        text(x(length), HEIGHT - BOTTOM + 18,
             f"{length // 1024}K" if length >= 1024 else length)
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "tokens of the prompt")
    return "\n".join(parts + ["</svg>"]) + "\n"
