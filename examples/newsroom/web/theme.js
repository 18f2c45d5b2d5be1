// Loaded before the page is painted, so that the edition chosen last time does not arrive as a flash.
const theme = localStorage.getItem("theme");
if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
