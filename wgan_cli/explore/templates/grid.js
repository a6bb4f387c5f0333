// The grid: two picked images make a walk, and arrow keys move between images.
let picks = [];
const buttons = () => [...element.querySelectorAll('button[data-number]')];
const show = () => buttons().forEach((button, number) => {
  const place = picks.indexOf(number);
  button.setAttribute('aria-pressed', String(place >= 0));
  button.dataset.end = place < 0 ? '' : 'AB'[place];
});
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-number]');
  if (!button) return;
  const number = Number(button.dataset.number);
  if (picks.includes(number)) picks = picks.filter((each) => each !== number);
  else picks = picks.length === 2 ? [number] : [...picks, number];
  show();
  if (picks.length === 2) trigger('pick', { first: picks[0], second: picks[1] });
});
element.addEventListener('keydown', (event) => {
  const all = buttons(), at = all.indexOf(event.target.closest('button[data-number]'));
  const across = Number(element.querySelector('[data-across]')?.dataset.across);
  const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across }[event.key];
  if (at < 0 || !by || !all[at + by]) return;
  event.preventDefault();
  all[at].tabIndex = -1;
  all[at + by].tabIndex = 0;
  all[at + by].focus();
});
watch('value', () => { picks = []; });  // other images
