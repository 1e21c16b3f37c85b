// The element to which dialogs and messages are added, so that they get its colors.

let root: HTMLElement | undefined;

/** Return where dialogs and messages belong: the document's body, unless the page is embedded. */
export function overlayRoot(): HTMLElement {
  return root ?? document.body;
}

export function setOverlayRoot(element: HTMLElement | undefined): void {
  root = element;
}
