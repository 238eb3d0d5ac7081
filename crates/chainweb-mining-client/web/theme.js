// Sets the colours before the first paint: the reader's choice, else those of the system.
(() => {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const read = () => { try { return localStorage.getItem('theme'); } catch { return null; } };
  const set = () => { document.documentElement.dataset.theme = read() ?? (dark.matches ? 'dark' : 'light'); };
  dark.addEventListener('change', set);
  set();
})();
