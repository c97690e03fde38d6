/// What tests ask of a page, in JavaScript. Findings are texts, and none is good.
enum PageScripts {
  /// Things beside the window, and texts of drawings beside their drawing.
  static let cutOff = """
    (() => {
      const found = [];
      const root = document.documentElement;
      if (root.scrollWidth > innerWidth) found.push('the page is ' + root.scrollWidth + ' wide');
      for (const each of document.querySelectorAll('body *')) {
        // Tables and the scenario scroll by themselves.
        if (each.parentElement.closest('.scroll, pre, svg')) continue;
        const box = each.getBoundingClientRect();
        if (box.width > 0 && (box.right > innerWidth + 0.5 || box.left < -0.5))
          found.push(each.tagName + ': ' + each.textContent.slice(0, 40));
      }
      for (const text of document.querySelectorAll('svg text')) {
        const [own, all] = [text, text.ownerSVGElement].map(e => e.getBoundingClientRect());
        if (own.left < all.left - 1 || own.right > all.right + 1 || own.top < all.top - 1
          || own.bottom > all.bottom + 1)
          found.push(text.ownerSVGElement.querySelector('title').textContent + ': '
            + text.textContent);
      }
      return found;
    })()
    """

  /// Texts of one drawing that lie on each other.
  static let overlappingLabels = """
    (() => {
      const found = [];
      for (const svg of document.querySelectorAll('svg[role=img]')) {
        const texts = [...svg.querySelectorAll('text')];
        const boxes = texts.map(text => text.getBoundingClientRect());
        for (let i = 0; i < boxes.length; i++)
          for (let k = 0; k < i; k++) {
            const [a, b] = [boxes[i], boxes[k]];
            const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
            const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
            // Boxes are higher than the letters in them.
            if (width > 0 && height > 4)
              found.push(texts[i].textContent + ' on ' + texts[k].textContent);
          }
      }
      return found;
    })()
    """

  /// Texts and lines with less contrast than WCAG 2.2 asks for: 4.5 to 1 and, for what is drawn,
  /// 3 to 1 (sections 1.4.3 and 1.4.11).
  static let faintColours = """
    (() => {
      const light = text => {
        const parts = text.match(/[0-9.]+/g).slice(0, 3).map(part => {
          const share = part / 255;
          return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
      };
      const ratio = (a, b) => {
        const [x, y] = [light(a), light(b)];
        return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
      };
      const ground = getComputedStyle(document.body).backgroundColor;
      const found = [];
      const check = (selector, property, least) => {
        for (const each of document.querySelectorAll(selector)) {
          const own = ratio(getComputedStyle(each)[property], ground);
          if (own < least) found.push(selector + ' ' + own.toFixed(2));
        }
      };
      check('p, li, td, th, h1, h2, h3, a, figcaption, summary', 'color', 4.5);
      check('text.label, text.unit, text.name', 'fill', 4.5);
      check('.line, .moment', 'stroke', 3);
      check('.mark, .queue, .prefill, .decode', 'fill', 3);
      for (const text of document.querySelectorAll('text.inside')) {
        const part = [...text.parentElement.querySelectorAll('.part')].find(each => {
          const [a, b] = [each, text].map(e => e.getBoundingClientRect());
          return a.left <= b.left && a.right >= b.right && a.top <= b.top && a.bottom >= b.bottom;
        });
        if (!part) found.push(text.textContent + ' is in no part');
        else if (ratio(getComputedStyle(text).fill, getComputedStyle(part).fill) < 4.5)
          found.push(text.textContent);
      }
      return found;
    })()
    """

  /// The cells of the first table by the name of their row.
  static let glance = cells(of: "The formats at a glance")

  /// The cells of a table by the name of their row.
  static func cells(of table: String) -> String {
    """
    Object.fromEntries(
      [...document.querySelectorAll('[aria-label="\(table)"] tbody tr')].map(row =>
        [row.cells[0].innerText, [...row.cells].slice(1).map(cell => cell.innerText)]))
    """
  }

  /// Each chart's name, its words, and how many places of it tell more.
  static let charts = """
    [...document.querySelectorAll('figure')].map(figure => {
      const svg = figure.querySelector('svg[role=img]');
      const [title, summary] = svg.getAttribute('aria-labelledby').split(' ')
        .map(id => document.getElementById(id).textContent);
      return {id: figure.id, title, summary, tips: svg.querySelectorAll('* > title').length - 1};
    })
    """

  /// Sets all text in one font.
  static let plainFont = """
    (() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('* {font-family: "DejaVu Sans" !important}');
      document.adoptedStyleSheets = [sheet];
    })()
    """
}
