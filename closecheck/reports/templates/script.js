(function () {
  "use strict";
  var all = function (selector, root) { return Array.prototype.slice.call((root || document).querySelectorAll(selector)); };
  all("[data-script]").forEach(function (element) { element.hidden = false; });

  var rows = all("details.row[data-status]");
  var text = document.getElementById("filter-text");
  var level = document.getElementById("filter-level");
  var result = document.getElementById("filter-result");
  var shown = document.getElementById("filter-shown");
  var words = rows.map(function (row) { return row.textContent.toLowerCase(); });
  function filter() {
    var wanted = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    var count = 0;
    rows.forEach(function (row, index) {
      var keep = (!level.value || row.dataset.level === level.value)
        && (!result.value || row.dataset.status === result.value)
        && wanted.every(function (word) { return words[index].indexOf(word) >= 0; });
      row.hidden = !keep;
      count += keep ? 1 : 0;
    });
    all("section.area").forEach(function (area) { area.hidden = !all("details.row:not([hidden])", area).length; });
    shown.textContent = count + " of " + rows.length + " shown";
  }
  [text, level, result].forEach(function (field) { field.addEventListener("input", filter); });
  document.getElementById("filter-form").addEventListener("submit", function (event) { event.preventDefault(); });
  document.getElementById("filter-reset").addEventListener("click", function () {
    text.value = level.value = result.value = "";
    filter();
    text.focus();
  });
  all("a[data-result]").forEach(function (link) {
    link.addEventListener("click", function () {
      text.value = level.value = "";
      result.value = link.dataset.result;
      filter();
    });
  });
  document.getElementById("open-all").addEventListener("click", function (event) {
    var open = event.target.getAttribute("aria-pressed") !== "true";
    event.target.setAttribute("aria-pressed", String(open));
    rows.forEach(function (row) { if (!row.hidden) { row.open = open; } });
  });
  filter();

  function reveal() {
    var name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch (error) { return; }
    var target = name && document.getElementById(name);
    if (!target) { return; }
    if (target.hidden || target.closest("[hidden]")) {
      text.value = level.value = result.value = "";
      filter();
    }
    for (var element = target; element; element = element.parentElement) {
      if (element.tagName === "DETAILS") { element.open = true; }
    }
    target.scrollIntoView();
  }
  window.addEventListener("hashchange", reveal);
  reveal();

  var said = document.getElementById("said");
  all("button[data-copy]").forEach(function (button) {
    button.addEventListener("click", function () {
      var source = document.getElementById(button.dataset.copy);
      var done = function () {
        var before = button.textContent;
        button.textContent = "Copied";
        said.textContent = "Copied to the clipboard";
        setTimeout(function () { button.textContent = before; said.textContent = ""; }, 1500);
      };
      var byHand = function () {
        var range = document.createRange();
        range.selectNodeContents(source);
        var selection = window.getSelection();
        selection.removeAllRanges();
        selection.addRange(range);
        if (document.execCommand("copy")) { done(); }
      };
      if (navigator.clipboard) { navigator.clipboard.writeText(source.textContent).then(done, byHand); } else { byHand(); }
    });
  });
})();
