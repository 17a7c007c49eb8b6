// The sliders of a picture go through its slices. Without JavaScript they are hidden, and the first slices stay.
const bar = document.querySelector(".bar-top");
function leaveRoom() {  // for the bar above, where it stays in view
  const height = bar && getComputedStyle(bar).position === "sticky" ? bar.offsetHeight : 0;
  document.documentElement.style.setProperty("--bar", height + "px");
}
window.addEventListener("resize", leaveRoom);
leaveRoom();
document.querySelectorAll(".sliders").forEach(function (sliders) {
  const picture = sliders.parentNode;
  sliders.hidden = false;
  sliders.querySelectorAll("input").forEach(function (input) {
    const plane = input.dataset.plane, numbers = input.dataset.numbers.split(" ");
    function show() {
      const place = numbers[input.value] + "/" + input.dataset.count;
      picture.style.setProperty("--" + plane, input.value);
      input.setAttribute("aria-valuetext", plane + " slice " + place);
      input.parentNode.querySelector("output").textContent = place;
      picture.querySelectorAll("figure." + plane + " figcaption span").forEach(function (at) { at.textContent = place; });
    }
    input.addEventListener("input", show);
    show();
  });
});
