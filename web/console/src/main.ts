// SPDX-License-Identifier: MIT
import { createApp } from 'vue';
import App from './App.vue';
import { locale } from './i18n/index.js';
import './style.css';

document.documentElement.lang = locale;
createApp(App).mount('#app');
