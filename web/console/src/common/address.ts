// SPDX-License-Identifier: MIT
/** What the gateway offers stands beside the folder of this page, whatever a proxy puts before it. */
export function besidePage(path: string, page = location.href): string {
  return new URL(`../${path}`, page).href;
}
