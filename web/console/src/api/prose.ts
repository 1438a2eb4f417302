// SPDX-License-Identifier: MIT
/** The descriptions' prose marks code with backticks, as Markdown does. */

export interface Piece {
  readonly text: string;
  readonly isCode: boolean;
}

/** An odd backtick stands for itself. */
export function toPieces(prose: string): Piece[] {
  return prose.split(/(`[^`]+`)/).filter((text) => text !== '').map((text) => {
    const isCode = text.length > 2 && text.startsWith('`') && text.endsWith('`');
    return { text: isCode ? text.slice(1, -1) : text, isCode };
  });
}
