// SPDX-License-Identifier: MIT
/** Drawing once a frame, however much comes between two of them. */

export type RequestFrame = (draw: () => void) => void;

/** Nothing is drawn while the page is hidden; what came is taken in once a second. */
const HIDDEN_MS = 1_000;

export function nextFrame(draw: () => void): void {
  if (document.hidden) {
    setTimeout(draw, HIDDEN_MS);
  } else {
    requestAnimationFrame(() => draw());
  }
}

/** Returns a function that has `draw` called before the next frame; asking again changes nothing. */
export function oncePerFrame(draw: () => void, request: RequestFrame = nextFrame): () => void {
  let isAsked = false;
  return () => {
    if (!isAsked) {
      isAsked = true;
      request(() => {
        isAsked = false;
        draw();
      });
    }
  };
}
